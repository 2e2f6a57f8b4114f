"""What sentences about metrics share: what is worth a word, and how numbers are written in them."""

from vidlab.metrics.summary import ClipSummary

CALM_NOISE = 0.01  # excess flicker: DIS in place of Farnebäck moves it by up to 0.0095 on five real clips
POINT = 0.01  # one point: smaller changes are not worth a sentence
GHOST_SHARE = 0.01  # of the mean mask: smaller ghosts are specks that nobody sees
LATE_FRAMES = 1.0  # births later than the next frame


def is_speck(summary: ClipSummary) -> bool:
    """Whether the ghosts of a clip are too small to be seen."""
    return (summary.ghost_area_px or 0.0) < GHOST_SHARE * (summary.area_px_mean or 0.0)


def gain(before: float | None, after: float | None) -> float | None:
    """Return after − before; None if either is undefined."""
    return None if before is None or after is None else after - before


def points(share: float) -> str:
    """Write a share in points, hundredths.

    >>> points(0.124)
    '12.4 points'
    """
    return f"{100 * share:.1f} points"


def percent(share: float) -> str:
    """Write a share in percent; small ones with a digit more.

    >>> percent(0.124), percent(0.014)
    ('12 %', '1.4 %')
    """
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"


def count(number: int, noun: str) -> str:
    """Write how many there are.

    >>> count(1, "frame"), count(1200, "frame")
    ('1 frame', '1,200 frames')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
