"""What tuning found, in sentences and rows: what was gained where nobody tuned, and how sure that is."""

from vidlab.metrics.bootstrap import Interval
from vidlab.metrics.proxy import rank_correlation
from vidlab.tuning.held_out import Compared
from vidlab.tuning.scoring import By
from vidlab.tuning.space import Point
from vidlab.tuning.tune import Tuned
from vidlab.viz.tables import number, signed

QUALITY = {"truth": "(J + F) / 2", "proxy": "contrast across the outline"}
FLICKER = {"truth": "excess flicker", "proxy": "flicker"}
SCORE = {"truth": "headline", "proxy": "no-truth proxy"}
HEADER = ("held out", "quality before", "after", "flicker before", "after", "score before", "after")
NOISE = "within what drawing the same frames and clips again makes of nothing"


def proxy_words() -> str:
    """Say how far the no-truth proxy can be trusted, as it was measured."""
    known = rank_correlation()
    return (
        f"no truth: ranked by the no-truth proxy, whose rank correlation with J & F is {known.real:.2f} on "
        f"{known.n_real} real clips and {known.synthetic:.2f} on {known.n_synthetic} drawn ones; its height "
        "means nothing"
    )


def sentences(tuned: Tuned) -> list[str]:
    """Say what was found, what it is worth on what was held out, and what to think of that."""
    found, by = tuned.found, tuned.by
    words = [_held_out_how(tuned), _found_words(tuned), _worth(tuned.held_out, by)]
    covered = (
        f"{found.hypervolume:.4f} of quality against flicker, the defaults alone {found.base_hypervolume:.4f}"
    )
    front = f"the front has {len(found.front)} of {len(found.trials)} trials; hypervolume {covered}"
    words.append(front)
    return [*words, proxy_words()] if by == "proxy" else words


def difference(tuned: Tuned) -> str:
    """Say in what the parameters differ from the defaults of their method."""
    return changes(tuned.point) or "the defaults"


def changes(point: Point) -> str:
    """Say in what a point differs from its method's defaults, such as `memory 0.8, neighbors 2`."""
    defaults = type(point.params)()
    changed = {name: value for name, value in point.settings.items() if value != getattr(defaults, name)}
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in changed.items()
    )


def rows(tuned: Tuned) -> list[tuple[str, ...]]:
    """Return what was held out, clip by clip, as rows under `HEADER`."""
    held = tuned.held_out
    return [
        (
            name,
            *(
                number(value, 4)
                for kind in ("quality", "flicker", "score")
                for value in (getattr(held.base[name], kind), getattr(held.tuned[name], kind))
            ),
        )
        for name in held.base
    ]


def interval_words(interval: Interval) -> str:
    """Return a mean with its interval, in hundredths.

    >>> interval_words(Interval(0.012, -0.003, 0.02, 30, 0.9))
    '+1.20 points [-0.30, +2.00]'
    """
    mean, low, high = (signed(100 * value, 2) for value in (interval.mean, interval.low, interval.high))
    return f"{mean} points [{low}, {high}]"


def _held_out_how(tuned: Tuned) -> str:
    if len(tuned.folds) > 1:
        return (
            f"{len(tuned.folds)} clips: each was left out of a search of its own, and what that search chose "
            "was measured on it; parameters come from a search on all of them"
        )
    return "one clip only: searched on its first half, reported on its second; other clips may differ"


def _found_words(tuned: Tuned) -> str:
    on_tuned, name = tuned.on_tuned, SCORE[tuned.by]
    gain = f"{name} {interval_words(on_tuned.score)} on what was tuned on"
    if tuned.point == tuned.found.base.point:
        best = f"the best of {len(tuned.found.trials)} trials gains {gain}, {NOISE}"
        return f"nothing better than the defaults was found: {best}"
    return f"found {tuned.point.method} with {difference(tuned)}: {gain}, which promises too much"


def _worth(held: Compared, by: By) -> str:
    facts = (
        f"{SCORE[by]} {interval_words(held.score)}, {QUALITY[by]} {interval_words(held.quality)}, "
        f"{FLICKER[by]} {interval_words(held.flicker)}"
    )
    if held.score.low == held.score.high == 0:
        return "held out: nothing changes, the defaults were chosen"
    if held.is_better:
        return f"held out: {facts}: a gain"
    if held.is_worse:
        return f"held out: {facts}: a loss; keep the defaults"
    return f"held out: {facts}: no gain for certain, {NOISE}"
