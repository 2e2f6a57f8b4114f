"""The one number masks are ranked by where there is truth: accuracy, charged for flicker."""

FLICKER_CHARGE = 0.25  # flicker has cost accuracy already in the frames where it shows; this breaks near-ties


def headline(*, j: float, f_2px: float, excess_flicker: float) -> float:
    """Rank masks by accuracy and excess flicker in one scalar.

        accuracy = 2 · J · F₂ / (J + F₂)
        headline = accuracy · (1 − ¼ · max(0, excess flicker))

    J is the mean region similarity, F₂ the mean boundary F at 2 px: DAVIS' own tolerance (8 px at 480p)
    forgives a smoother that lags behind by 4 frames at 2 px each. The harmonic mean lets neither make up for
    the other: an inverted mask has a perfect outline, a full one covers everything. Calm beyond the truth's
    earns nothing, so that masks that are empty, frozen or smoothed without regard to motion cannot be calm
    enough to win.

    Args:
        j: Mean J, [0, 1].
        f_2px: Mean boundary F at 2 px, [0, 1].
        excess_flicker: Excess flicker, [−1, 1]; NaN (one frame, or no frames of the video) charges nothing.

    Returns:
        [0, 1], 1 for the truth; either accuracy NaN: NaN.

    >>> headline(j=1.0, f_2px=1.0, excess_flicker=0.0), headline(j=1.0, f_2px=0.5, excess_flicker=0.4)
    (1.0, 0.6)
    """
    accuracy = 2 * j * f_2px / (j + f_2px) if j + f_2px else 0.0
    # max keeps its first argument unless the second is greater, which NaN never is
    return accuracy * (1 - FLICKER_CHARGE * max(0.0, excess_flicker))
