"""Seeded scenes with exact masks, identities and flow: the ground truth that tests and training stand on."""

from vidlab.synthetic.scene import SceneFrame, iter_scene
from vidlab.synthetic.spec import CLASS_IDS, SceneSpec, random_scene

__all__ = ["CLASS_IDS", "SceneFrame", "SceneSpec", "iter_scene", "random_scene"]
