// One frame, seen several ways side by side: the picture, raw and stable masks, and where they differ.

import { frameAddress } from "./api.js";
import { find, make } from "./dom.js";
import { Pictures } from "./pictures.js";
import { number, remember, remembered, t } from "./texts.js";

export const TYPES = ["original", "raw", "stable", "overlay", "difference"];
const FIRST = ["raw", "stable", "difference"];
const NEEDS_KEY = ["overlay", "difference"]; // views whose colors have to be explained
const STORED = "vidlab.views";
const WORST = 5; // frames offered as those in which raw masks changed most
const APART = 2; // frames between two of them, for a jump there is a jump back
const SPEEDS = [0.25, 0.5, 1];

export class Viewer {
  /** iou: {raw, stable}, one value per frame or null. */
  constructor({ job, types, timeline, size, iou }) {
    Object.assign(this, { timeline, size, iou, types: TYPES.filter((type) => types.includes(type)) });
    this.pictures = new Pictures((type, frame) => frameAddress(job, type, frame));
    this.place = find("#viewer");
    this.direction = 1;
    this.shown = new Set(this.#wanted());
    this.#build();
    this.#watch();
    this.#showPanels();
    this.#show();
  }

  /** Forget everything: the page shows another job. */
  leave() {
    this.pause();
    this.pictures.leave();
    this.gone.abort();
    this.place.replaceChildren();
  }

  #watch() {
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.timeline.addEventListener("frame", () => this.#show(), { signal });
    document.addEventListener("vidlab:language", () => this.#describe(), { signal });
    find("#result").addEventListener("keydown", (event) => this.#onKey(event), { signal });
    document.body.addEventListener(
      "keydown", (event) => event.target === document.body && this.#onKey(event), { signal },
    );
  }

  #wanted() {
    const stored = (remembered(STORED) || "").split(",").filter((type) => this.types.includes(type));
    return stored.length ? stored : FIRST.filter((type) => this.types.includes(type));
  }

  #build() {
    const toggles = this.types.map((type) => make(
      "button",
      { type: "button", "data-type": type, "aria-keyshortcuts": String(TYPES.indexOf(type) + 1), on: { click: () => this.toggle(type) } },
      make("kbd", { "aria-hidden": "true" }, String(TYPES.indexOf(type) + 1)), " ", make("span", { say: `view.${type}` }),
    ));
    this.toggles = make("div", { class: "switch views", role: "group", label: "view.which" }, ...toggles);
    this.panels = make("div", { class: "panels" });
    this.slider = make("input", {
      type: "range", min: 0, max: this.timeline.length - 1, step: 1, value: this.timeline.frame, id: "frame",
      label: "frame", on: { input: () => this.timeline.go(Number(this.slider.value), this) },
    });
    this.play = make("button", { type: "button", class: "round", id: "play-frames", label: "play", on: { click: () => this.playOrPause() } }, "▶");
    this.speed = make("select", { label: "speed", on: {} },
      ...SPEEDS.map((speed) => make("option", { value: speed, selected: speed === 0.5 }, `${speed}×`)));
    this.where = make("output", { for: "frame", class: "where" });
    const step = (by, label, sign) => make("button", { type: "button", class: "round", label, on: { click: () => this.go(this.timeline.frame + by) } }, sign);
    this.place.replaceChildren(
      make("div", { class: "head" }, make("h2", { say: "viewer" }), this.toggles),
      this.panels,
      make("div", { class: "transport" }, step(-1, "frame.before", "‹"), this.play, step(1, "frame.after", "›"), this.slider, this.where, this.speed),
      this.#worst(),
      make("p", { class: "help keys", say: "viewer.keys" }),
    );
    this.place.setAttribute("tabindex", "-1");
  }

  /** Buttons of the frames in which raw masks changed most. */
  #worst() {
    const ranked = this.iou.raw
      .map((value, frame) => ({ value, frame }))
      .filter(({ value }) => value !== null && value < 0.999)
      .sort((a, b) => a.value - b.value)
      .reduce((kept, one) => (kept.some(({ frame }) => Math.abs(frame - one.frame) <= APART) ? kept : [...kept, one]), [])
      .slice(0, WORST);
    if (!ranked.length) return "";
    return make("p", { class: "worst" }, make("span", { class: "quiet", say: "worst" }),
      ...ranked.map(({ frame }) => make("button", {
        type: "button", class: "chip", "data-frame": frame, on: { click: () => this.go(frame) },
      }, String(frame))));
  }

  #showPanels() {
    for (const button of this.toggles.children)
      button.setAttribute("aria-pressed", String(this.shown.has(button.dataset.type)));
    const chosen = this.types.filter((type) => this.shown.has(type));
    this.panels.dataset.n = chosen.length;
    this.panels.replaceChildren(...chosen.map((type) => {
      const [height, width] = this.size;
      const image = make("img", { width, height, alt: "", decoding: "sync", "data-type": type });
      const key = NEEDS_KEY.includes(type) ? make("span", { class: "help", say: `view.${type}.help` }) : null;
      const caption = make("figcaption", {}, make("span", { say: `view.${type}` }), key);
      return make("figure", { class: `panel ${type}` }, image, caption);
    }));
  }

  /** Show or hide one way of seeing the frame; one always stays. */
  toggle(type) {
    if (!this.types.includes(type)) return;
    if (!this.shown.delete(type)) this.shown.add(type);
    else if (!this.shown.size) this.shown.add(type);
    remember(STORED, [...this.shown].join(","));
    this.#showPanels();
    this.#show();
  }

  go(frame) {
    this.pause();
    this.timeline.go(frame, this);
  }

  /** Draw the frame of now. While pictures load, later wishes replace earlier ones. */
  async #show() {
    const { frame } = this.timeline;
    this.direction = frame < this.last ? -1 : 1;
    this.last = frame;
    this.slider.value = frame;
    this.#describe();
    if (this.drawing) return;
    this.drawing = true;
    let drawn;
    do {
      drawn = this.timeline.frame;
      await this.#draw(drawn);
    } while (drawn !== this.timeline.frame);
    this.drawing = false;
    if (this.gone.signal.aborted) return;
    const wanted = () => this.timeline.frame === drawn && !this.gone.signal.aborted;
    this.pictures.ahead([...this.shown], drawn, { direction: this.direction, length: this.timeline.length, wanted });
  }

  async #draw(frame) {
    const images = [...this.panels.querySelectorAll("img")];
    const loaded = await Promise.all(images.map((image) => this.pictures.load(image.dataset.type, frame).catch(() => null)));
    images.forEach((image, i) => {
      image.classList.toggle("missing", !loaded[i]);
      if (loaded[i]) image.src = loaded[i].src;
      image.dataset.frame = frame;
      image.alt = t("view.alt", { view: t(`view.${image.dataset.type}`), frame });
    });
    if ([...this.panels.querySelectorAll("img")].some((image) => !images.includes(image))) await this.#draw(frame);
  }

  #describe() {
    const { frame, time, length } = this.timeline;
    const text = t("frame.where", { frame, of: length - 1, time: number(time, 2) });
    this.where.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
  }

  playOrPause() {
    if (this.timer) return this.pause();
    if (this.timeline.frame >= this.timeline.length - 1) this.timeline.go(0, this);
    this.play.textContent = "❚❚";
    this.play.setAttribute("aria-label", t("pause"));
    this.play.dataset.i18nLabel = "pause";
    const next = () => {
      if (!this.drawing) this.timeline.go(this.timeline.frame + 1, this);
      if (this.timeline.frame >= this.timeline.length - 1) return this.pause();
      this.timer = setTimeout(next, (1000 * this.timeline.lasts(this.timeline.frame)) / Number(this.speed.value));
    };
    this.timer = setTimeout(next, 0);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.play.textContent = "▶";
    this.play.dataset.i18nLabel = "play";
    this.play.setAttribute("aria-label", t("play"));
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("select, textarea, input:not([type=range])");
    if (typing || (event.target.matches("button, a, summary") && [" ", "Enter"].includes(event.key))) return;
    const { frame, length } = this.timeline;
    const stride = event.shiftKey ? 10 : 1;
    const places = { ArrowLeft: frame - stride, ArrowRight: frame + stride, Home: 0, End: length - 1 };
    const ofOther = event.target.matches("input[type=range]") && event.target !== this.slider;
    if (event.key in places && !ofOther) this.go(places[event.key]);
    else if (event.key === " ") this.playOrPause();
    else if (/^[1-5]$/.test(event.key)) this.toggle(TYPES[Number(event.key) - 1]);
    else return;
    event.preventDefault();
  }
}
