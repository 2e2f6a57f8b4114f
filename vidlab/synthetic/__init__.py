"""Seeded scenes with exact masks, identities and flow: the ground truth that tests and training stand on."""

from vidlab.synthetic.corruption import corrupt_instances, corrupt_probs
from vidlab.synthetic.presets import PROFILES, CorruptionProfile
from vidlab.synthetic.scene import SceneFrame, iter_scene
from vidlab.synthetic.spec import CLASS_IDS, Role, SceneSpec, random_scene
from vidlab.synthetic.suite import SuiteClip, suite

__all__ = [
    "CLASS_IDS",
    "PROFILES",
    "CorruptionProfile",
    "Role",
    "SceneFrame",
    "SceneSpec",
    "SuiteClip",
    "corrupt_instances",
    "corrupt_probs",
    "iter_scene",
    "random_scene",
    "suite",
]
