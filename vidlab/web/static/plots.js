// Curves over the clip, raw beside stable, with a cursor at the frame that is shown. A click goes there.

import { draw, find, make } from "./dom.js";
import { number, t } from "./texts.js";

const HEIGHT = 190;
const EDGE = { left: 54, right: 12, top: 12, bottom: 34 }; // pixels around the curves, for the axes
const VERSIONS = ["raw", "stable"];

/** Round numbers from low to high, about `n` of them. */
export function ticks(low, high, n = 5) {
  const span = high - low || 1;
  const power = 10 ** Math.floor(Math.log10(span / n));
  const step = power * [1, 2, 2.5, 5, 10].find((one) => span / (one * power) <= n);
  const first = Math.ceil(low / step - 1e-9) * step;
  return Array.from({ length: Math.floor((high - first) / step + 1e-9) + 1 }, (_, i) => first + i * step);
}

/** The path of a curve; where there are more frames than pixels, the extremes of each pixel. */
export function path(values, x, y) {
  let [text, pen] = ["", false];
  for (const { at, value } of thinned(values, x)) {
    if (value === null) pen = false;
    else {
      text += `${pen ? "L" : "M"}${at.toFixed(1)} ${y(value).toFixed(1)}`;
      pen = true;
    }
  }
  return text;
}

function* thinned(values, x) {
  const n = Math.max(1, Math.floor(values.length / 2000)); // frames per stretch
  for (let start = 0; start < values.length; start += n) {
    const stretch = values.slice(start, start + n).filter((value) => value !== null && value !== undefined);
    if (!stretch.length) yield { at: x(start), value: null };
    else if (n === 1) yield { at: x(start), value: stretch[0] };
    else for (const value of [Math.min(...stretch), Math.max(...stretch)]) yield { at: x(start), value };
  }
}

export class Plots {
  /** curves: {iou: {raw, stable}, area_px: {raw, stable}}. */
  constructor({ curves, timeline }) {
    Object.assign(this, { curves, timeline, place: find("#plots") });
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.place.replaceChildren(
      make("div", { class: "head" }, make("h2", { say: "plots" }), this.#legend()),
      ...Object.keys(curves).map((name) => this.#figure(name)),
      make("p", { class: "help", say: "plots.help" }),
    );
    timeline.addEventListener("frame", () => this.#showCursor(), { signal });
    document.addEventListener("vidlab:language", () => this.#draw(), { signal });
    this.observer = new ResizeObserver(() => this.#draw());
    this.observer.observe(this.place);
    this.#draw();
  }

  leave() {
    this.gone.abort();
    this.observer.disconnect();
    this.place.replaceChildren();
  }

  #legend() {
    return make("p", { class: "legend" }, ...VERSIONS.map((version) =>
      make("span", { class: `key ${version}` }, make("span", { class: "swatch", "aria-hidden": "true" }), make("span", { say: `view.${version}.short` }))));
  }

  #figure(name) {
    const svg = draw("svg", { role: "img", "data-plot": name, class: "plot" });
    svg.addEventListener("click", (event) => this.timeline.go(this.#frameAt(svg, event), this));
    svg.addEventListener("pointermove", (event) => event.buttons && this.timeline.go(this.#frameAt(svg, event), this));
    return make("figure", { class: "curve" },
      make("figcaption", {}, make("span", { say: `plot.${name}` }), make("output", { class: "readout", "data-plot": name })), svg);
  }

  #frameAt(svg, event) {
    const box = svg.getBoundingClientRect();
    const share = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    const { pts } = this.timeline;
    const time = pts[0] + share * (pts[pts.length - 1] - pts[0]);
    const frame = this.timeline.at(time);
    const after = Math.min(frame + 1, pts.length - 1);
    return Math.abs(pts[after] - time) < Math.abs(pts[frame] - time) ? after : frame;
  }

  #draw() {
    for (const svg of this.place.querySelectorAll("svg")) this.#drawOne(svg, this.curves[svg.dataset.plot]);
    this.#showCursor();
  }

  #drawOne(svg, versions) {
    const width = Math.max(svg.clientWidth || this.place.clientWidth - 40, 200);
    const { x, y, low, high, times } = this.#scales(svg.dataset.plot, versions, width);
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.setAttribute("height", HEIGHT);
    svg.setAttribute("aria-label", this.#summary(svg.dataset.plot, versions));
    const grid = ticks(low, high, 4).flatMap((value) => [
      draw("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }),
      draw("text", { class: "tick-text", x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]);
    const seconds = ticks(times[0], times[1], Math.max(3, Math.floor(width / 110))).map((time) =>
      draw("text", { class: "tick-text", x: this.#xOfTime(time, times, width), y: HEIGHT - 16, "text-anchor": "middle" }, number(time)));
    const title = draw("text", { class: "tick-text", x: width - EDGE.right, y: HEIGHT - 2, "text-anchor": "end" }, t("plots.time"));
    const lines = VERSIONS.map((version) => draw("path", { class: `line ${version}`, d: path(versions[version], x, y) }));
    const cursor = draw("line", { class: "cursor", y1: EDGE.top, y2: HEIGHT - EDGE.bottom });
    const dots = VERSIONS.map((version) => draw("circle", { class: `dot ${version}`, r: 4 }));
    svg.replaceChildren(...grid, ...seconds, title, ...lines, cursor, ...dots);
    Object.assign(svg, { vidlab: { x, y } });
  }

  #scales(name, versions, width) {
    const values = VERSIONS.flatMap((version) => versions[version]).filter((value) => value !== null);
    const least = values.reduce((a, b) => Math.min(a, b), Infinity);
    const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
    const share = name === "iou";
    const low = share ? Math.min(Math.floor(10 * Math.min(least, 0.9)) / 10, 0.9) : 0;
    const high = share ? 1 : (Number.isFinite(most) ? most : 0) * 1.05 || 1;
    const { pts } = this.timeline;
    const times = [pts[0], Math.max(pts[pts.length - 1], pts[0] + 1e-6)];
    const y = (value) => EDGE.top + (1 - (value - low) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
    const x = (frame) => this.#xOfTime(pts[frame], times, width);
    return { x, y, low: Number.isFinite(low) ? low : 0, high, times };
  }

  #xOfTime(time, [first, last], width) {
    return EDGE.left + ((time - first) / (last - first)) * (width - EDGE.left - EDGE.right);
  }

  #showCursor() {
    const { frame } = this.timeline;
    for (const svg of this.place.querySelectorAll("svg")) {
      const { x, y } = svg.vidlab || {};
      if (!x) continue;
      const cursor = svg.querySelector(".cursor");
      cursor.setAttribute("x1", x(frame));
      cursor.setAttribute("x2", x(frame));
      const values = this.curves[svg.dataset.plot];
      for (const version of VERSIONS) {
        const dot = svg.querySelector(`.dot.${version}`);
        const value = values[version][frame];
        dot.classList.toggle("gone", value === null || value === undefined);
        if (value === null || value === undefined) continue;
        dot.setAttribute("cx", x(frame));
        dot.setAttribute("cy", y(value));
      }
      this.place.querySelector(`output[data-plot=${svg.dataset.plot}]`).textContent = this.#readout(svg.dataset.plot, values, frame);
    }
  }

  #readout(name, values, frame) {
    const digits = name === "iou" ? 3 : 0;
    const said = VERSIONS.map((version) => {
      const value = values[version][frame];
      return `${t(`view.${version}.short`)} ${value === null || value === undefined ? "–" : number(value, digits)}`;
    });
    return [t("frame.n", { frame }), ...said].join(" · ");
  }

  /** What the plot shows, for those who do not see it. */
  #summary(name, versions) {
    const mean = (values) => {
      const known = values.filter((value) => value !== null);
      return known.length ? number(known.reduce((a, b) => a + b, 0) / known.length, name === "iou" ? 3 : 0) : "–";
    };
    return t("plot.summary", { plot: t(`plot.${name}`), raw: mean(versions.raw), stable: mean(versions.stable) });
  }
}
