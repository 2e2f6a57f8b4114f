r"""Silhouettes as polygons: what makes a person a person, whatever the colours.

A shape is a list of parts, drawn back to front, in units of the object's own height: x to the right (the
way it faces), y down. A part turns about its pivot, and its children turn with it.

          o            head ┐
         /|\          arms  ├─ torso
         / \          legs: thigh ─ shin
"""

from collections.abc import Callable

import numpy as np

from vidlab.synthetic.outlines import Decal, Part, Rng, Shape, ellipse, limb, smooth


def _leg(
    hip: tuple[float, float], *, length: float, width: float, phase: float, swing: float, index: int,
    foot: float, shade: float, material: int, bend: float,
) -> list[Part]:  # fmt: skip
    """Thigh and shin with a foot; `index` is the place of the thigh in the list of parts, `bend` signed."""
    knee = (hip[0], hip[1] + length * 0.48)
    ankle = (hip[0] - 0.02 * length, hip[1] + length * 0.95)
    thigh = Part(
        (limb(hip, knee, widths=(width * 1.35, width)),), material, hip,
        amount=swing, phase=phase, shade=shade,
    )  # fmt: skip
    toe = (ankle[0] + foot, ankle[1] + 0.02 * length)
    shin = Part(
        (limb(knee, ankle, widths=(width, width * 0.7)), limb(ankle, toe, widths=(width * 0.8, width * 0.6))),
        material, knee, parent=index, motion="bend", amount=bend, phase=phase + 1.9, shade=shade,
    )  # fmt: skip
    return [thigh, shin]


def _arm(shoulder: tuple[float, float], *, phase: float, index: int, shade: float, rng: Rng) -> list[Part]:
    elbow = (shoulder[0] - 0.01, shoulder[1] + 0.17)
    hand = (elbow[0] + 0.02, elbow[1] + 0.15)
    width = rng.uniform(0.055, 0.075)
    carry = rng.uniform(-0.9, -0.1)
    upper = Part(
        (limb(shoulder, elbow, widths=(width * 1.2, width)),), 0, shoulder,
        amount=0.5, phase=phase, shade=shade,
    )  # fmt: skip
    lower = Part(
        (limb(elbow, hand, widths=(width, width * 0.7)), ellipse((hand[0], hand[1] + 0.015), (0.024, 0.03))),
        2, elbow, parent=index, amount=0.2, phase=phase, rest=carry, shade=shade,
    )  # fmt: skip
    return [upper, lower]


def person(rng: Rng) -> Shape:
    """Draw a person walking: head, torso, two arms, two legs, each of two pieces."""
    build = rng.uniform(0.8, 1.25)
    hip_y, shoulder_y = 0.5, 0.21
    leg = {"length": 0.47, "width": 0.085 * build, "swing": 0.45, "foot": 0.06, "material": 1, "bend": 0.8}
    parts = _arm((0.0, shoulder_y), phase=0.0, index=0, shade=0.72, rng=rng)
    parts += _leg((0.0, hip_y), phase=np.pi, index=2, shade=0.72, **leg)  # type: ignore[arg-type]
    parts += _leg((0.0, hip_y), phase=0.0, index=4, shade=1.0, **leg)  # type: ignore[arg-type]
    wide = 0.085 * build
    torso = smooth([(-wide, 0.17), (wide, 0.17), (wide * 1.1, 0.3), (wide * 0.85, 0.43), (wide, 0.55),
                    (-wide * 1.05, 0.55), (-wide * 0.85, 0.42), (-wide * 1.1, 0.28)])  # fmt: skip
    parts.append(Part((torso,), 0, (0.0, hip_y), amount=0.03, rate=2.0, rest=rng.uniform(0.0, 0.08)))
    if rng.random() < 0.35:  # a skirt or a long coat
        hem = rng.uniform(0.62, 0.78)
        parts.append(Part((smooth([(-wide, 0.45), (wide, 0.45), (wide * 1.7, hem), (-wide * 1.7, hem)]),), 0))
    neck_at = len(parts)
    parts.append(Part((limb((0.0, 0.19), (0.012, 0.1), widths=(0.07, 0.06)),), 2, (0.0, 0.19), parent=6))
    head = ellipse((0.015, 0.075), (0.052, 0.07))
    hair = smooth([(-0.05, 0.09), (-0.055, 0.02), (0.0, -0.012), (0.06, 0.01), (0.05, 0.04), (0.0, 0.05)])
    nod = {"pivot": (0.0, 0.15), "parent": neck_at, "amount": 0.06, "rate": 2.0}
    parts.append(Part((head,), 2, **nod))  # type: ignore[arg-type]
    parts.append(Part((hair,), 3, **nod))  # type: ignore[arg-type]
    parts += _arm((0.0, shoulder_y), phase=np.pi, index=len(parts), shade=1.0, rng=rng)
    return Shape(tuple(parts), stride=0.75)


def _four_legs(rng: Rng, *, length: float, width: float, xs: tuple[float, float], hip_y: float) -> list[Part]:
    parts: list[Part] = []
    gait = rng.uniform(0.2, 1.0) * np.pi
    for shade, side in ((0.7, np.pi), (1.0, 0.0)):
        for x, lead, bend in ((xs[0], 0.0, 0.7), (xs[1], gait, -0.6)):
            parts += _leg(
                (x, hip_y), length=length, width=width, phase=side + lead, swing=0.42, index=len(parts),
                foot=0.035, shade=shade, material=0, bend=bend,
            )  # fmt: skip
    return parts


def dog(rng: Rng) -> Shape:
    """Draw a dog: long muzzle, hanging or pricked ears, raised tail, legs half its height."""
    length, deep = rng.uniform(0.42, 0.55), rng.uniform(0.24, 0.32)
    back_x, front_x, hip_y = -length, length * 0.85, 0.52
    parts = _four_legs(rng, length=0.48, width=0.085, xs=(back_x + 0.06, front_x - 0.04), hip_y=hip_y)
    body = smooth([(back_x - 0.06, 0.33), (0.0, 0.31), (front_x, 0.27), (front_x + 0.1, 0.42),
                   (front_x, 0.32 + deep), (0.0, 0.28 + deep * 0.85), (back_x, 0.56)])  # fmt: skip
    tail_tip = (back_x - rng.uniform(0.15, 0.3), rng.uniform(-0.02, 0.3))
    tail = limb((back_x, 0.36), tail_tip, widths=(0.07, rng.uniform(0.03, 0.06)))
    parts.append(Part((tail,), 0, (back_x, 0.36), amount=0.3, rate=2.0))
    parts.append(Part((body,), 0, (0.0, 0.4), amount=0.03, rate=2.0))
    trunk = len(parts) - 1
    lift = rng.uniform(-0.06, 0.04)
    skull = (front_x + 0.2, 0.13 + lift)
    neck = limb((front_x - 0.02, 0.38), skull, widths=(0.26, 0.16))
    parts.append(Part((neck,), 0, (front_x, 0.36), parent=trunk, amount=0.08))
    muzzle = rng.uniform(0.16, 0.24)
    nose = (skull[0] + muzzle, skull[1] + 0.065)
    face = (
        ellipse(skull, (0.12, 0.105)),
        limb((skull[0] + 0.04, skull[1] + 0.04), nose, widths=(0.13, 0.085)),
    )
    paint = (Decal(ellipse((nose[0] + 0.02, nose[1] - 0.02), (0.025, 0.022)), (20, 18, 18)),
             Decal(ellipse((skull[0] + 0.05, skull[1] - 0.02), (0.016, 0.016)), (15, 12, 10)))  # fmt: skip
    parts.append(
        Part(face, 1 if rng.random() < 0.3 else 0, skull, parent=trunk + 1, amount=0.06, decals=paint)
    )
    if rng.random() < 0.6:
        ear = smooth([(-0.07, -0.09), (0.02, -0.1), (0.01, 0.05), (-0.05, 0.13), (-0.1, 0.06)])
    else:
        ear = smooth([(-0.09, -0.04), (-0.06, -0.22), (0.02, -0.07)], rounds=2)
    parts.append(
        Part((ear + skull,), 1, (skull[0] - 0.03, skull[1] - 0.06), parent=trunk + 2, amount=0.15, rate=2.0)
    )
    return Shape(tuple(parts), stride=0.9)


def cat(rng: Rng) -> Shape:
    """Draw a cat: round head, two pointed ears, slim body, a long thin tail."""
    length = rng.uniform(0.5, 0.6)
    parts = _four_legs(rng, length=0.42, width=0.075, xs=(-length + 0.08, length * 0.7), hip_y=0.58)
    base = (-length, 0.42)
    middle = (base[0] - 0.3, base[1] + rng.uniform(-0.25, 0.1))
    tip = (middle[0] - rng.uniform(-0.05, 0.2), middle[1] - rng.uniform(0.15, 0.3))
    first = len(parts)
    parts.append(Part((limb(base, middle, widths=(0.065, 0.055)),), 0, base, amount=0.2))
    parts.append(Part((limb(middle, tip, widths=(0.055, 0.045)),), 0, middle, parent=first, amount=0.35))
    body = smooth([(-length - 0.05, 0.42), (0.0, 0.36), (length * 0.75, 0.34), (length * 0.9, 0.5),
                   (length * 0.7, 0.64), (0.0, 0.64), (-length, 0.68)])  # fmt: skip
    parts.append(Part((body,), 0, (0.0, 0.5), amount=0.04, rate=2.0))
    skull = (length * 0.95, 0.27)
    ears = tuple(
        np.array([(dx - 0.06, -0.08), (dx, -0.23), (dx + 0.07, -0.08)]) + skull for dx in (-0.06, 0.07)
    )
    eyes = tuple(
        Decal(ellipse((skull[0] + dx, skull[1] - 0.01), (0.018, 0.024)), (40, 60, 20)) for dx in (0.0, 0.09)
    )
    head = (limb((length * 0.75, 0.44), skull, widths=(0.2, 0.16)), ellipse(skull, (0.15, 0.13)), *ears)
    parts.append(Part(head, 0, (length * 0.8, 0.42), parent=first + 2, amount=0.08, decals=eyes))
    return Shape(tuple(parts), stride=0.8)


def horse(rng: Rng) -> Shape:
    """Draw a horse: long legs, arched neck with a mane, long face, hanging tail."""
    length = rng.uniform(0.36, 0.44)
    parts = _four_legs(rng, length=0.5, width=0.065, xs=(-length + 0.05, length - 0.06), hip_y=0.5)
    tail = smooth([(-length, 0.3), (-length - 0.1, 0.36), (-length - 0.13, 0.68), (-length - 0.03, 0.6)])
    parts.append(Part((tail,), 1, (-length, 0.3), amount=0.15))
    body = smooth([(-length - 0.05, 0.32), (-0.1, 0.3), (length * 0.7, 0.24), (length + 0.08, 0.38),
                   (length * 0.8, 0.54), (0.0, 0.56), (-length, 0.54)])  # fmt: skip
    parts.append(Part((body,), 0, (0.0, 0.4), amount=0.03, rate=2.0))
    trunk = len(parts) - 1
    poll = (length + 0.2, -0.02)
    crest = smooth([(length * 0.6, 0.27), (length + 0.05, 0.0), (poll[0] - 0.02, -0.09),
                    (poll[0] + 0.02, 0.0), (length + 0.05, 0.2)])  # fmt: skip
    bob = {"pivot": (length, 0.32), "parent": trunk, "amount": 0.09}
    parts.append(Part((limb((length * 0.85, 0.38), poll, widths=(0.27, 0.13)),), 0, **bob))  # type: ignore[arg-type]
    parts.append(Part((crest,), 1, **bob))  # type: ignore[arg-type]
    nose = (poll[0] + 0.17, poll[1] + 0.19)
    ear = np.array([(-0.03, -0.04), (0.0, -0.13), (0.03, -0.03)]) + poll
    face = (limb(poll, nose, widths=(0.14, 0.085)), ear)
    eye = (Decal(ellipse((poll[0] + 0.045, poll[1] + 0.02), (0.013, 0.013)), (12, 10, 8)),)
    parts.append(Part(face, 0, poll, parent=trunk + 1, amount=0.05, decals=eye))
    return Shape(tuple(parts), stride=1.1)


def bird(rng: Rng) -> Shape:
    """Draw a bird: flying with beating wings, or swimming with a long neck."""
    return _flying_bird(rng) if rng.random() < 0.6 else _swimming_bird(rng)


def _flying_bird(rng: Rng) -> Shape:
    span, chord = rng.uniform(0.5, 0.75), rng.uniform(0.2, 0.3)
    wing = smooth([(-chord, 0.0), (chord, 0.0), (chord * 0.7, -span * 0.55), (-chord * 0.6, -span),
                   (-chord * 1.3, -span * 0.9), (-chord * 0.9, -span * 0.4)], rounds=2)  # fmt: skip
    far = Part(
        (wing + np.array([0.06, 0.0]),), 1, (0.0, 0.0), motion="flap", amount=0.9, phase=0.15, shade=0.7
    )
    tail = Part((np.array([(-0.3, -0.03), (-0.62, -0.1), (-0.66, 0.02), (-0.6, 0.11), (-0.3, 0.06)]),), 1,
                (-0.3, 0.0), amount=0.12)  # fmt: skip
    eye = (Decal(ellipse((0.38, -0.07), (0.017, 0.017)), (10, 10, 10)),)
    trunk = (ellipse((0.0, 0.02), (0.38, 0.125)), ellipse((0.34, -0.05), (0.11, 0.1)))
    body = Part(trunk, 0, (0.0, 0.0), amount=0.04, decals=eye)
    beak = Part((np.array([(0.42, -0.08), (0.56, -0.03), (0.42, 0.0)]),), 3, (0.0, 0.0), parent=2)
    near = Part((wing,), 1, (0.0, 0.0), parent=2, motion="flap", amount=0.9)
    return Shape((far, tail, body, beak, near), stride=0.0, on_ground=False)


def _swimming_bird(rng: Rng) -> Shape:
    body = smooth([(-0.62, -0.12), (-0.3, -0.03), (0.1, -0.14), (0.36, -0.02), (0.4, 0.18), (0.1, 0.3),
                   (-0.35, 0.25)])  # fmt: skip
    wing = smooth([(-0.6, -0.1), (0.0, -0.14), (0.22, 0.02), (0.0, 0.15), (-0.35, 0.1)])
    long = rng.uniform(0.15, 0.55)
    bend, crown = (0.47, -0.12 - long * 0.5), (0.38, -0.2 - long)
    beak = np.array([(0.07, -0.045), (0.22, 0.03), (0.06, 0.04)]) + crown
    eye = (Decal(ellipse((crown[0] + 0.04, crown[1] - 0.02), (0.015, 0.015)), (10, 10, 10)),)
    return Shape((
        Part((limb((0.3, 0.08), bend, widths=(0.19, 0.11)),), 0, (0.3, 0.05), amount=0.07),
        Part((body,), 0, (0.0, 0.1), amount=0.03),
        Part((limb(bend, crown, widths=(0.11, 0.1)),), 0, bend, parent=0, amount=0.1),
        Part((beak,), 3, crown, parent=2),
        Part((ellipse(crown, (0.105, 0.085)),), 0, crown, parent=2, decals=eye),
        Part((wing,), 1, (-0.1, 0.0), parent=1, amount=0.04, phase=1.0),
    ), stride=1.6, on_ground=False)  # fmt: skip


def car(rng: Rng) -> Shape:
    """Draw a car from the side: body, cabin with windows, two wheels that roll."""
    half, sill, belt = rng.uniform(1.0, 1.2), 0.4, 0.02
    roof, hood = rng.uniform(-0.42, -0.3), rng.uniform(-0.02, 0.08)
    front, rear = rng.uniform(0.3, 0.55), rng.uniform(-0.95, -0.55)
    lower = smooth([(-half, belt + 0.02), (rear - 0.05, belt - 0.03), (front + 0.1, belt - 0.02),
                    (half * 0.85, hood), (half, hood + 0.12), (half, sill), (-half, sill),
                    (-half * 1.02, 0.2)], rounds=2)  # fmt: skip
    top = (rear + rng.uniform(0.1, 0.3), front - rng.uniform(0.2, 0.3))
    cabin = smooth(
        [(rear, belt + 0.05), (top[0], roof), (top[1], roof), (front + 0.12, belt + 0.05)], rounds=2
    )
    post, low, high = (top[0] + top[1]) / 2, belt - 0.02, roof + 0.07  # of the windows
    glass = (42.0, 52.0, 60.0)
    windows = tuple(
        Decal(np.array(corners), glass)
        for corners in (
            [(rear + 0.12, low), (top[0] + 0.05, high), (post - 0.03, high), (post - 0.03, low)],
            [(post + 0.03, low), (post + 0.03, high), (top[1] - 0.03, high), (front - 0.02, low)],
        )
    )  # fmt: skip
    lamps = (Decal(ellipse((half - 0.07, hood + 0.16), (0.06, 0.04)), (250, 245, 220)),
             Decal(ellipse((-half + 0.05, 0.12), (0.04, 0.05)), (170, 25, 20)))  # fmt: skip
    radius = rng.uniform(0.19, 0.23)
    parts = [Part((lower, cabin), 0, decals=windows + lamps)]
    for x in (-half * 0.6, half * 0.62):
        hub = (x, 0.4)
        reach = radius * 0.55
        tips = [(x + reach * np.cos(a), 0.4 + reach * np.sin(a)) for a in np.arange(5) * 2 * np.pi / 5]
        spokes = (Decal(limb(hub, tip, widths=(0.03, 0.03)), (60, 60, 62)) for tip in tips)
        rim = (Decal(ellipse(hub, (reach, reach)), (165, 165, 170)), *spokes)
        wheel = Part((ellipse(hub, (radius, radius)),), 4, hub, motion="spin", amount=radius, decals=rim)
        parts.append(wheel)
    return Shape(tuple(parts), softness=0.15)


def pole(rng: Rng) -> Shape:
    """Draw something upright of no class: a post, a trunk."""
    wide = rng.uniform(0.03, 0.09)
    return Shape(
        (Part((limb((0, 0), (rng.uniform(-0.05, 0.05), 1), widths=(wide, wide * 1.5)),), 0),),
        stride=0.0,
        softness=0.2,
    )


def blob(rng: Rng) -> Shape:
    """Draw a random thing of no class: a bush, a boulder, a box."""
    count = int(rng.integers(4, 11))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = rng.uniform(0.25, 0.55, count)
    corners = list(zip(radii * np.cos(angles) * rng.uniform(0.6, 1.6), radii * np.sin(angles), strict=True))
    return Shape((Part((smooth(corners, rounds=int(rng.integers(0, 4))),), 0),))


SHAPES: dict[int, Callable[[Rng], Shape]] = {1: person, 3: car, 16: bird, 17: cat, 18: dog, 19: horse}
