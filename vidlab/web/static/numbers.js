// What stabilizing changed: in three large numbers and a sentence, and in a table in plain words.

import { find, make } from "./dom.js";
import { number, t } from "./texts.js";

const WORTH_SAYING = 0.5; // percent, or points; less is called the same

/** The large numbers above everything else. */
export class Verdict {
  constructor({ metrics, onAgain }) {
    Object.assign(this, { metrics, onAgain, place: find("#verdict"), gone: new AbortController() });
    document.addEventListener("vidlab:language", () => this.#show(), { signal: this.gone.signal });
    this.#show();
  }

  leave() {
    this.gone.abort();
    this.place.replaceChildren();
  }

  #show() {
    const { words = [], method } = this.metrics;
    const sentences = words.length
      ? make("details", { class: "words" }, make("summary", { say: "words" }),
        make("ul", { lang: "en" }, ...words.map((one) => make("li", {}, one))))
      : null;
    this.place.replaceChildren(
      make("div", { class: "head" },
        make("h2", { id: "headline" }, this.#headline()),
        make("button", { type: "button", class: "plain", id: "again", say: "again", on: { click: this.onAgain } }),
      ),
      make("p", { class: "quiet" }, t("verdict.method", { method: t(`method.${method}`, {}, method) })),
      make("div", { class: "tiles" }, ...this.#tiles()),
      make("p", { class: "help", say: "verdict.care" }),
      sentences,
    );
  }

  /** Flicker is what motion does not explain; where no flow was followed, only all change can be told. */
  #headline() {
    const { raw, stable, improvement } = this.metrics;
    const known = [raw, stable].every((one) => Number.isFinite(one.consistency_mean));
    const before = known ? 1 - raw.consistency_mean : 0;
    const less = before > 0 ? 100 * (1 - (1 - stable.consistency_mean) / before) : improvement.improvement_percent;
    if (less === null || less === undefined) return t("verdict.none");
    if (Math.abs(less) < WORTH_SAYING) return t("verdict.same");
    const key = `${before > 0 ? "flicker" : "change"}.${less > 0 ? "less" : "more"}`;
    return t(`verdict.${key}`, { percent: number(Math.abs(less), 0) });
  }

  #tiles() {
    const { raw, stable } = this.metrics;
    const tile = (key, name, digits, better) =>
      raw[name] === null || raw[name] === undefined || stable[name] === null || stable[name] === undefined ? null
        : make("div", { class: `tile ${verdictOf(raw[name], stable[name], better)}` },
          make("p", { class: "tile-name" }, t(`tile.${key}`)),
          make("p", { class: "tile-value" },
            make("span", { class: "was" }, number(raw[name], digits)), " → ", make("strong", {}, number(stable[name], digits))),
          make("p", { class: "help" }, t(`tile.${key}.help`)));
    return [
      tile("agreement", "consistency_mean", 3, "higher"),
      tile("overlap", "iou_prev_mean", 3, "higher"),
      tile("area", "area_cv_detrended", 3, "lower"),
    ].filter(Boolean);
  }
}

function verdictOf(raw, stable, better) {
  if (better === "neither" || raw === stable) return "";
  return (stable > raw) === (better === "higher") ? "better" : "worse";
}

/** The table of all metrics. */
export class Numbers {
  constructor({ rows }) {
    Object.assign(this, { rows, place: find("#numbers"), gone: new AbortController() });
    document.addEventListener("vidlab:language", () => this.#show(), { signal: this.gone.signal });
    this.#show();
  }

  leave() {
    this.gone.abort();
    this.place.replaceChildren();
  }

  #show() {
    const head = ["metric", "raw", "stable", "change"].map((key) =>
      make("th", { scope: "col", class: key === "metric" ? "" : "number", say: `table.${key}` }));
    this.place.replaceChildren(
      make("h2", { say: "numbers" }),
      make("table", { class: "metrics" },
        make("caption", { class: "hidden", say: "numbers" }),
        make("thead", {}, make("tr", {}, ...head)),
        make("tbody", {}, ...this.rows.map((row) => this.#row(row))),
      ),
    );
  }

  #row(row) {
    const { name, label, meaning, raw, stable, better } = row;
    const verdict = raw === null || stable === null ? "" : this.#verdict(row);
    const shown = (value, key) => make("td", { class: "number", "data-label": t(`table.${key}`) }, value === null ? "–" : `${number(value, row.decimals)}`);
    return make("tr", { "data-metric": name },
      make("th", { scope: "row" }, capital(t(`metric.${name}`, {}, label)),
        make("span", { class: "help" }, t(`metric.${name}.help`, {}, meaning))),
      shown(raw, "raw"), shown(stable, "stable"),
      make("td", { class: `number verdict ${verdict}`, "data-label": t("table.change") }, this.#change(row, verdict), arrow(better)));
  }

  #verdict({ raw, stable, better, decimals }) {
    return raw.toFixed(decimals) === stable.toFixed(decimals) ? "" : verdictOf(raw, stable, better);
  }

  /** By how much, and in a word whether that is good: never by color alone. */
  #change({ raw, stable, decimals, better }, verdict) {
    if (raw === null || stable === null) return "–";
    const change = stable - raw;
    const sign = change > 0 ? "+" : change < 0 ? "−" : "±";
    const amount = `${sign}${number(Math.abs(change), decimals)}`;
    if (better === "neither") return amount;
    return `${amount} ${t(`change.${verdict || "same"}`)}`;
  }
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function arrow(better) {
  if (better === "neither") return null;
  return make("span", { class: "hidden", say: `better.${better}` });
}
