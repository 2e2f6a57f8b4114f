"""The panel of sliders: what a person does becomes a wish, what the worker finds goes to the page."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidlab.errors import ParameterError, VidlabError
from vidlab.jobs.stabilize import method_name
from vidlab.params import DEFAULT_METHOD, MethodParams, PanelParams, method_params
from vidlab.viz.widgets.bench import Bench, Open, Tune
from vidlab.viz.widgets.clips import Clip, Opener
from vidlab.viz.widgets.keeping import as_papermill, save_best
from vidlab.viz.widgets.kit import show_bundle
from vidlab.viz.widgets.knobs import Knobs, Silence
from vidlab.viz.widgets.latest import Latest
from vidlab.viz.widgets.page import Page
from vidlab.viz.widgets.pictures import metrics_table, snapshot
from vidlab.viz.widgets.shown import Part, Shown, Wish
from vidlab.viz.widgets.tune_for_me import TuneForMe

MS_PER_S = 1000.0
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


class Panel:
    """Sliders over a clip.

    Work goes on in a thread of its own; `close` ends it. A cell that ends with a panel shows it.

    Attributes:
        page: The elements.
    """

    def __init__(
        self,
        clips: Mapping[str, Clip],
        *,
        params: MethodParams | None = None,
        settings: PanelParams | None = None,
        tune: Tune | None = None,
        best: Path = Path("best.json"),
        open_clip: Open | None = None,
    ) -> None:
        """Draw the panel, and begin to open the first clip.

        Args:
            clips: Name → clip, at least one.
            params: The method to begin with, and its tunables; None takes the default method.
            settings: How the panel works; None takes the defaults of `PanelParams`.
            tune: Finds parameters of a method, by its name, on a clip; None searches as `vidlab tune` does.
            best: Where "save best.json" writes.
            open_clip: How a clip is opened; None reads it as `clips.Opener` does.

        Raises:
            ParameterError: There are no clips.
        """
        if not clips:
            raise ParameterError("clips must hold at least one, got none")
        rules = settings or PanelParams()
        self._clips = dict(clips)
        self._kept: dict[str, MethodParams] = {}  # how each method was left
        self._n_tunings = 0
        self._silence = Silence()
        self._bench = Bench(
            open_clip or Opener(clips, settings=rules),
            listen=self._show,
            tune=tune or TuneForMe(rules),
            curves_s=rules.curves_ms / MS_PER_S,
        )
        self._latest: Latest[Wish] = Latest(self._bench, rest_s=rules.rest_ms / MS_PER_S)
        self.page = Page(rules, best=os.path.relpath(best))  # as seen from the notebook
        self._knobs = Knobs(params or method_params(DEFAULT_METHOD), changed=self._wish)
        self._fill()
        self._wire()
        self._latest.start()
        self._wish()

    # ── for the caller ──────────────────────────────────────────────────────────────────────────────────────
    @property
    def shown(self) -> Shown:
        """What there is to see now."""
        return self._bench.shown

    @property
    def params(self) -> MethodParams:
        """The method as the controls stand.

        Raises:
            ParameterError: A typed value lies outside its range.
        """
        return self._knobs.params

    def set(self, params: MethodParams) -> None:
        """Move the controls to a method and its tunables, as a person would."""
        self._kept[method_name(params)] = params
        with self._silence:
            self.page.method.value = method_name(params)
        self._swap(params)
        self._wish()

    def settle(self, timeout_s: float) -> bool:
        """Wait until all that was wished is shown, or failed; False where it is not after so many seconds."""
        return self._latest.settle(timeout_s)

    def close(self) -> None:
        """End the work; the elements stay as they are."""
        self._latest.close()

    def _ipython_display_(self) -> None:
        plain = "A panel of sliders; it moves while the notebook runs."
        bundle = {"text/plain": plain}
        view = self.page.whole._repr_mimebundle_() or {}
        show_bundle({**view, **bundle})

    def snapshot(self) -> list[Any]:
        """Return pictures, curves and metrics as they are now, for pages without a kernel."""
        table = metrics_table(self.shown)
        return [snapshot(self.shown), *([] if table is None else [table])]

    # ── what a person does ──────────────────────────────────────────────────────────────────────────────────
    def _fill(self) -> None:
        page = self.page
        page.clip.options = list(self._clips)
        page.clip.value = next(iter(self._clips))
        self._offer_masks()
        page.method.value = method_name(self._knobs.params)
        page.knobs.children = (self._knobs.box,)

    def _wire(self) -> None:
        page = self.page
        page.clip.observe(self._clip_chosen, names="value")
        page.method.observe(self._method_chosen, names="value")
        for element in (page.masks, page.frame):
            element.observe(self._wish, names="value")
        page.reset.on_click(lambda _: self.set(method_params(page.method.value)))
        page.tune.on_click(self._tune)
        page.copy.on_click(self._copy)
        page.save.on_click(self._save)
        for place, button in enumerate(page.worst):
            button.on_click(lambda _, place=place: self._go_to_worst(place))

    def _clip_chosen(self, _: Any) -> None:
        self._offer_masks()
        self._wish()

    def _offer_masks(self) -> None:
        """Offer the masks of the clip; those of the same name stay chosen."""
        names, before = list(self._clips[self.page.clip.value].masks), self.page.masks.value
        with self._silence:
            self.page.masks.options = names
            self.page.masks.value = before if before in names else names[0]

    def _method_chosen(self, change: Any) -> None:
        if not self._silence.on:
            self._kept[change["old"]] = self._knobs.params
            self._swap(self._kept.get(change["new"], method_params(change["new"])))
            self._wish()

    def _swap(self, params: MethodParams) -> None:
        if type(params) is type(self._knobs.params):
            self._knobs.set(params)
        else:
            self._knobs = Knobs(params, changed=self._wish)
            self.page.knobs.children = (self._knobs.box,)

    def _wish(self, _: Any = None) -> None:
        if self._silence.on:
            return
        page = self.page
        try:
            params = self._knobs.params
        except VidlabError as error:
            page.say(str(error), failed=True)
            return
        wish = Wish(page.clip.value, page.masks.value, params, page.frame.value, self._n_tunings)
        self._latest.wish(wish)

    def _tune(self, _: Any) -> None:
        self._n_tunings += 1
        self._wish()

    def _copy(self, _: Any) -> None:
        self.page.copied.value = as_papermill(self.params)

    def _save(self, _: Any) -> None:
        try:
            save_best(self.params, Path(self.page.path.value))
        except VidlabError as error:
            self.page.say(str(error), failed=True)
        else:
            self.page.say(f"saved {self.page.path.value}", failed=False)

    def _go_to_worst(self, place: int) -> None:
        worst = self.shown.worst
        if place < len(worst):
            self.page.frame.value = worst[place][0].index

    # ── what the worker finds ───────────────────────────────────────────────────────────────────────────────
    def _show(self, shown: Shown, part: Part) -> None:
        self.page.show(shown, part)
        if part == "tuned" and shown.tuned is not None:
            self.set(shown.tuned)
