// The two videos, before and after, played in step: one leads, the other is set right when it drifts.

import { filmAddress } from "./api.js";
import { find, make } from "./dom.js";
import { seconds, t } from "./texts.js";

const DRIFT_S = 0.04; // more is seen as two different moments
const SPEEDS = [0.25, 0.5, 1];
const TYPES = ["raw", "stable"];

export class Films {
  constructor({ job, types, timeline, size }) {
    Object.assign(this, { timeline, place: find("#films") });
    this.types = TYPES.filter((type) => types.includes(type));
    this.place.hidden = this.types.length === 0;
    this.gone = new AbortController();
    if (this.place.hidden) return;
    this.#build(job, size);
    this.#watch();
  }

  leave() {
    this.gone.abort();
    for (const film of this.films || []) {
      film.pause();
      film.removeAttribute("src");
      film.load(); // lets go of the connection
    }
    this.place.replaceChildren();
  }

  #build(job, [height, width]) {
    this.films = this.types.map((type) => {
      const film = make("video", {
        src: filmAddress(job, type), width, height, preload: "auto", playsinline: true, "data-type": type,
        label: `view.${type}`, tabindex: "-1", on: { click: () => this.playOrPause() },
      });
      film.muted = true;
      return film;
    });
    const figures = this.films.map((film, i) =>
      make("figure", { class: `panel ${this.types[i]}` }, film, make("figcaption", { say: `view.${this.types[i]}` })));
    this.play = make("button", { type: "button", class: "round", id: "play-films", label: "play", on: { click: () => this.playOrPause() } }, "▶");
    this.slider = make("input", { type: "range", min: 0, max: 1000, step: 1, value: 0, label: "films.place", on: { input: () => this.#onSlider() } });
    this.where = make("output", { class: "where" });
    this.speed = make("select", { label: "speed", on: { change: () => this.#setSpeed() } },
      ...SPEEDS.map((speed) => make("option", { value: speed, selected: speed === 1 }, `${speed}×`)));
    this.loop = make("input", { type: "checkbox", checked: true });
    this.place.replaceChildren(
      make("div", { class: "head" }, make("h2", { say: "films" })),
      make("div", { class: "panels", "data-n": figures.length }, ...figures),
      make("div", { class: "transport" }, this.play, this.slider, this.where, this.speed,
        make("label", { class: "tick" }, this.loop, make("span", { say: "films.loop" }))),
    );
  }

  #watch() {
    const { signal } = this.gone;
    const [leader] = this.films;
    leader.addEventListener("ended", () => this.#onEnd(), { signal });
    leader.addEventListener("timeupdate", () => this.#step(), { signal });
    leader.addEventListener("loadedmetadata", () => this.#show(), { signal });
    for (const film of this.films)
      film.addEventListener("error", () => film.closest("figure")?.classList.add("missing"), { signal });
    this.timeline.addEventListener("frame", (event) => event.detail !== this && this.#follow(), { signal });
    document.addEventListener("vidlab:language", () => this.#show(), { signal });
    this.#onEveryPicture(leader);
  }

  /** Look at every picture that the leader shows, where the browser can tell. */
  #onEveryPicture(leader) {
    if (!leader.requestVideoFrameCallback) return;
    const look = () => {
      if (this.gone.signal.aborted) return;
      this.#step();
      leader.requestVideoFrameCallback(look);
    };
    leader.requestVideoFrameCallback(look);
  }

  /** Keep the others in step, and tell the page which frame is seen. */
  #step() {
    const [leader, ...others] = this.films;
    for (const film of others)
      if (Math.abs(film.currentTime - leader.currentTime) > DRIFT_S && !film.seeking) film.currentTime = leader.currentTime;
    if (!leader.paused) this.timeline.go(this.timeline.at(leader.currentTime), this);
    this.#show();
  }

  #show() {
    const [leader] = this.films;
    const length = leader.duration || 0;
    if (length) this.slider.value = Math.round((1000 * leader.currentTime) / length);
    const text = `${seconds(leader.currentTime)} / ${seconds(length)}`;
    this.where.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
  }

  #seek(time) {
    for (const film of this.films) film.currentTime = time;
  }

  #onSlider() {
    this.#halt();
    this.#seek((this.films[0].duration || 0) * (this.slider.value / 1000));
    this.timeline.go(this.timeline.at(this.films[0].currentTime), this);
  }

  /** Somebody else moved: show the same frame, in its middle so that rounding cannot show its neighbor. */
  #follow() {
    this.#halt();
    this.#seek(this.timeline.time + this.timeline.lasts(this.timeline.frame) / 2);
  }

  #setSpeed() {
    for (const film of this.films) film.playbackRate = Number(this.speed.value);
  }

  async playOrPause() {
    const [leader] = this.films;
    if (!leader.paused) return this.pause();
    if (leader.ended || leader.currentTime >= leader.duration - 0.02) this.#seek(0);
    else this.#seek(leader.currentTime);
    this.#setSpeed();
    this.#say("❚❚", "pause");
    await Promise.allSettled(this.films.map((film) => film.play()));
  }

  /** Stop, all at the same moment, with the page at the frame that is seen. */
  pause() {
    this.#halt();
    const [leader, ...others] = this.films;
    for (const film of others) film.currentTime = leader.currentTime;
    this.timeline.go(this.timeline.at(leader.currentTime), this);
  }

  #halt() {
    for (const film of this.films) film.pause();
    this.#say("▶", "play");
  }

  #say(sign, key) {
    this.play.textContent = sign;
    this.play.dataset.i18nLabel = key;
    this.play.setAttribute("aria-label", t(key));
  }

  #onEnd() {
    if (!this.loop.checked) return this.pause();
    this.#seek(0);
    this.playOrPause();
  }
}
