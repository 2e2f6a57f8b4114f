"""Who is in the scene and where they walk: actors, their replacement, and the camera."""

from dataclasses import dataclass, replace

import numpy as np

from vidlab.synthetic.actors import (
    Affine,
    Look,
    Pose,
    Waves,
    build_look,
    limb_affines,
    translate,
    turn_and_scale,
)
from vidlab.synthetic.outlines import Rng, Shape
from vidlab.synthetic.shapes import SHAPES, blob, pole
from vidlab.synthetic.spec import Role, SceneSpec

NO_CLASS = -1  # things that hide others but are not instances
WAVE_SIZE = 0.022  # object units, of the deformation called natural
HORIZON_RANGE = (0.25, 0.45)  # of the frame height


@dataclass(frozen=True, slots=True)
class Plan:
    """How one actor moves, all drawn when it appears.

    Attributes:
        speed_px: Signed mean speed along the world's x, pixels per frame.
        climb: Pixels up or down per pixel along.
        to_and_fro_frames: Period of the walk of one that stays; 0 for one that crosses.
        phases: Ten random phases, radians.
        rates: Six random angular speeds, radians per frame.
        turns_at: Frame of its life from which it walks back; 0 never does.
    """

    speed_px: float
    climb: float
    to_and_fro_frames: float
    phases: tuple[float, ...]
    rates: tuple[float, ...]
    turns_at: int = 0


class Actor:
    """One identity: where it is now, and where it was one frame ago."""

    def __init__(
        self,
        look: Look,
        *,
        track_id: int,
        size_px: float,
        at: tuple[float, float],
        plan: Plan,
        spec: SceneSpec,
    ) -> None:
        self.look, self.track_id, self.size_px = look, track_id, size_px
        self._at, self._plan, self._spec = at, plan, spec
        self._age = 0
        self._travelled_px = 0.0
        self.pose = self._pose()
        self.pose_before = self.pose

    @property
    def depth(self) -> float:
        """Row of its feet in the world, pixels; larger stands in front."""
        return self._at[1] + self.look.bottom * self.size_px

    @property
    def center(self) -> tuple[float, float]:
        """Centre of its box in the world, pixels (x, y)."""
        return self._at

    @property
    def heading(self) -> float:
        """+1 where it walks to the right, −1 to the left."""
        return float(np.sign(self._plan.speed_px) or 1.0)

    @property
    def crosses(self) -> bool:
        """Whether it walks on and out of the frame."""
        return self._plan.to_and_fro_frames == 0 and self._plan.speed_px != 0

    def step(self) -> None:
        """Move on by one frame."""
        plan, age = self._plan, self._age
        if plan.to_and_fro_frames:
            pace = np.pi / 2 * np.cos(2 * np.pi * age / plan.to_and_fro_frames + plan.phases[0])
        else:
            pace = 1 + 0.35 * np.sin(plan.rates[0] * age + plan.phases[0])
        along = plan.speed_px * float(pace)
        if plan.turns_at and age >= plan.turns_at:
            along = -along
        self._at = (self._at[0] + along, self._at[1] + along * plan.climb)
        self._travelled_px += along * self.heading
        self._age += 1
        self.pose_before, self.pose = self.pose, self._pose()

    def _pose(self) -> Pose:
        spec, plan, shape, age = self._spec, self._plan, self.look.shape, self._age
        beats = [rate * age + phase for rate, phase in zip(plan.rates, plan.phases, strict=False)]
        travelled = self._travelled_px / self.size_px
        clock = age * 0.55 if not shape.stride else 2 * np.pi * travelled / shape.stride
        limbs = limb_affines(
            self.look, gait=clock + plan.phases[6], travelled=travelled, articulation=spec.articulation
        )
        size = spec.deformation * WAVE_SIZE * shape.softness
        waves = Waves((size, 4 + plan.phases[7] / 3, beats[1]), (size, 4 + plan.phases[8] / 3, beats[2]))
        turn = np.deg2rad(spec.rotation_deg) * (0.4 if shape.on_ground else 1) * np.sin(beats[3])
        scale = self.size_px * (1 + spec.scaling * np.sin(beats[4]))
        breath = 1 + 0.02 * spec.deformation * shape.softness * np.sin(beats[5])
        foot = self.look.bottom
        to_world = (
            translate(self._at[0], self._at[1] + foot * self.size_px)
            @ turn_and_scale(float(turn), self.heading * scale, scale * breath)
            @ translate(0, -foot)
        )
        return Pose(limbs, waves, to_world)


class Camera:
    """A hand-held camera: closed form in the frame's number, but for the shake."""

    def __init__(self, spec: SceneSpec, *, rng: Rng) -> None:
        self._spec, self._rng = spec, rng
        self._periods = rng.uniform(90, 180, 3)
        self._phases = rng.uniform(0, 2 * np.pi, 3)
        self._shake = np.zeros(2)

    def view(self, index: int) -> Affine:
        """Return the affine from world to image for this frame; call once per frame, in order."""
        height, width = self._spec.size_hw
        if self._spec.camera_shake_px:
            self._shake = 0.7 * self._shake + self._rng.normal(0, self._spec.camera_shake_px, 2)
        swing = np.sin(2 * np.pi * index / self._periods + self._phases)
        reach = self._spec.camera_pan_px * self._periods[:2] / 4 * (1.0, 0.3)  # mean speed of a sine: 4 A / T
        x, y = reach * swing[:2] + self._shake
        zoom = 1 + self._spec.camera_zoom * swing[2]
        middle = (width / 2, height / 2)
        return translate(*middle) @ turn_and_scale(0, zoom, zoom) @ translate(-middle[0] - x, -middle[1] - y)


class Stage:
    """The cast of a scene; those who leave are replaced by new identities after a while."""

    def __init__(self, spec: SceneSpec, *, rng: Rng) -> None:
        self._spec, self._rng = spec, rng
        self.horizon = float(rng.uniform(*HORIZON_RANGE))
        self._next_track_id = 1
        self._returns: list[int] = []  # frames until a replacement enters, one entry each
        if spec.cast:
            self.actors = [self._play(role) for role in spec.cast]
        else:
            self.actors = [self._enter(anywhere=True, inside=n == 0) for n in range(spec.n_objects)]
        self.actors += [self._thing(blob(rng), moves=True) for _ in range(spec.distractors)]
        self.actors += [
            self._thing(pole(rng) if rng.random() < 0.6 else blob(rng), moves=False)
            for _ in range(spec.occlusion)
        ]
        self._sort()

    def step(self) -> None:
        """Move everybody on by one frame; let some leave and some enter."""
        for actor in self.actors:
            actor.step()
        gone = [actor for actor in self.actors if self._has_left(actor)]
        self.actors = [actor for actor in self.actors if actor not in gone]
        for actor in gone:
            if actor.look.class_id != NO_CLASS and not self._spec.cast:
                self._returns.append(int(self._rng.integers(5, 25)))
        self._returns = [wait - 1 for wait in self._returns]
        for _ in range(self._returns.count(0)):
            self.actors.append(self._enter(anywhere=False, inside=False))
        self._returns = [wait for wait in self._returns if wait > 0]
        self._sort()

    def _sort(self) -> None:
        self.actors.sort(key=lambda actor: actor.depth)

    def _has_left(self, actor: Actor) -> bool:
        width = self._spec.size_hw[1]
        reach = actor.look.half_width * actor.size_px * 1.6 + self._pan_reach()
        x = actor.center[0]
        return actor.crosses and (x > width + reach if actor.heading > 0 else x < -reach)

    def _pan_reach(self) -> float:
        return self._spec.camera_pan_px * 45 + 4

    def _play(self, role: Role) -> Actor:
        height, width = self._spec.size_hw
        paint = self._rng if role.look is None else np.random.default_rng([self._spec.seed, role.look])
        shape = SHAPES[role.class_id](paint)
        size = role.size * height
        look = build_look(role.class_id, shape, size_px=size, rng=paint)
        plan = replace(
            self._plan(shape, crosses=True, speed_px=0.0),
            speed_px=role.speed_px,
            climb=0.0,
            turns_at=role.turns_at,
        )
        at = (role.x * width, role.bottom * height - look.bottom * size)
        return self._admit(look, size=size, at=at, plan=plan)

    def _admit(self, look: Look, *, size: float, at: tuple[float, float], plan: Plan) -> Actor:
        actor = Actor(look, track_id=self._next_track_id, size_px=size, at=at, plan=plan, spec=self._spec)
        self._next_track_id += 1
        return actor

    def _enter(self, *, anywhere: bool, inside: bool) -> Actor:
        rng, spec = self._rng, self._spec
        class_id = int(rng.choice(np.array(spec.classes)))
        shape = SHAPES[class_id](rng)
        crosses = spec.speed_px > 0 and (not anywhere or rng.random() < spec.enter_leave)
        size = self._size(rng.random())
        look = build_look(class_id, shape, size_px=size, rng=rng)
        plan = self._plan(shape, crosses=crosses, speed_px=spec.speed_px * float(rng.uniform(0.7, 1.3)))
        inside = inside or (anywhere and (not crosses or rng.random() < 0.6))
        return self._admit(look, size=size, at=self._place(look, size, plan, inside=inside), plan=plan)

    def _thing(self, shape: Shape, *, moves: bool) -> Actor:
        rng, spec = self._rng, self._spec
        low, high = (0.1, 0.35) if moves else (0.15, 0.4)
        tall = shape.stride == 0  # a pole
        size = spec.size_hw[0] * float(rng.uniform(0.5, 1.1) if tall else rng.uniform(low, high))
        look = build_look(NO_CLASS, shape, size_px=size, rng=rng)
        plan = self._plan(
            shape, crosses=moves, speed_px=spec.speed_px * float(rng.uniform(0.5, 1.0)) if moves else 0.0
        )
        at = self._place(look, size, plan, inside=True)
        return self._admit(look, size=size, at=at, plan=plan)

    def _size(self, nearness: float) -> float:
        low, high = self._spec.min_size, self._spec.max_size
        return float(self._spec.size_hw[0] * low * (high / low) ** nearness)

    def _plan(self, shape: Shape, *, crosses: bool, speed_px: float) -> Plan:
        rng = self._rng
        sign = 1.0 if rng.random() < 0.5 else -1.0
        return Plan(
            speed_px=sign * speed_px,
            climb=float(rng.normal(0, 0.06 if shape.on_ground else 0.2)),
            to_and_fro_frames=0.0 if crosses else float(rng.uniform(40, 90)),
            phases=tuple(float(v) for v in rng.uniform(0, 2 * np.pi, 10)),
            rates=tuple(float(v) for v in rng.uniform(0.08, 0.35, 6)),
        )

    def _place(self, look: Look, size: float, plan: Plan, *, inside: bool) -> tuple[float, float]:
        rng, (height, width) = self._rng, self._spec.size_hw
        nearness = np.log(size / height / self._spec.min_size + 1e-9) / np.log(
            max(self._spec.max_size / self._spec.min_size, 1.01)
        )
        if look.shape.on_ground:
            share = (
                self.horizon
                + (1 - self.horizon) * (0.15 + 0.75 * np.clip(nearness, 0, 1))
                + rng.normal(0, 0.05)
            )
            y = float(share) * height - look.bottom * size
        else:
            y = float(rng.uniform(0.2, 0.75)) * height
        if inside:
            return float(rng.uniform(0.12, 0.88)) * width, y
        margin = look.half_width * size * 1.2 + self._pan_reach() * 0.3
        return (-margin if plan.speed_px > 0 else width + margin), y
