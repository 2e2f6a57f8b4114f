// A form for the parameters of a method, made from their schema alone: name, type, range, unit, meaning.

import { freshId, make } from "./dom.js";
import { number, t } from "./texts.js";

const FIRST = [
  "memory", "follow_motion", "window", "sigma", "alpha", "edge_weight", "area_tolerance", "fade_after", "min_score",
]; // what a method's own list begins with, if it has them: they do the most, and are the easiest to see
const STEPS = 200; // of a slider without a step of its own
const LOG_STEPS = 1000;

/** Name of a parameter as people read it. */
export const parameterLabel = ({ name }) =>
  t(`param.${name}`, {}, name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " "));

export class Sliders {
  constructor(place, { onChange = () => {} } = {}) {
    Object.assign(this, { place, onChange, parameters: [], values: {}, open: false });
    document.addEventListener("vidlab:language", () => this.#show());
  }

  /** Offer the parameters of another method, at their defaults but for `values`. */
  offer(parameters, values = {}) {
    this.parameters = parameters;
    this.values = Object.fromEntries(parameters.map((one) => [one.name, values[one.name] ?? one.default]));
    this.#show();
  }

  /** What differs from the defaults. */
  get changed() {
    const differing = this.parameters.filter((one) => this.values[one.name] !== one.default);
    return Object.fromEntries(differing.map((one) => [one.name, this.values[one.name]]));
  }

  #show() {
    const first = (one) => FIRST.indexOf(one.name);
    const main = this.parameters.filter((one) => first(one) >= 0).sort((a, b) => first(a) - first(b));
    const rest = this.parameters.filter((one) => first(one) < 0).sort((a, b) => Number(b.tuned) - Number(a.tuned));
    this.reset = make("button", { type: "button", class: "plain", say: "params.reset", on: { click: () => this.offer(this.parameters) } });
    const more = make(
      "details", { open: this.open, on: { toggle: () => (this.open = more.open) } },
      make("summary", { say: main.length ? "params.rest" : "params.all", values: { n: rest.length } }),
      ...rest.map((one) => this.#row(one)),
    );
    this.place.replaceChildren(
      make("div", { class: "tunables" }, ...main.map((one) => this.#row(one)), rest.length ? more : null),
      this.reset,
    );
    this.#mark();
  }

  #set(one, value) {
    this.values[one.name] = value;
    this.#mark();
    this.onChange();
  }

  #mark() {
    this.reset.hidden = Object.keys(this.changed).length === 0;
    for (const row of this.place.querySelectorAll(".tunable"))
      row.classList.toggle("changed", row.dataset.name in this.changed);
  }

  #row(one) {
    const id = freshId("param");
    const help = make("p", { class: "help", id: `${id}-help` }, t(`param.${one.name}.help`, {}, one.meaning));
    const unit = one.unit ? ` (${t(`unit.${one.unit}`, {}, one.unit)})` : "";
    const label = make("label", { for: id }, parameterLabel(one) + unit);
    const controls = this.#controls(one, id);
    return make("div", { class: `tunable ${one.type}`, "data-name": one.name }, label, ...controls, help);
  }

  #controls(one, id) {
    const described = { id, "aria-describedby": `${id}-help` };
    if (one.choices?.length) return [this.#select(one, described)];
    if (one.type === "bool") return [this.#tick(one, described)];
    if (one.type === "str") return [this.#text(one, described)];
    const field = this.#number(one, described);
    return bounds(one) ? [this.#slider(one, field), field] : [field];
  }

  #select(one, described) {
    const select = make("select", {
      ...described,
      on: { change: () => this.#set(one, one.choices.find((choice) => String(choice) === select.value)) },
    }, ...one.choices.map((choice) =>
      make("option", { value: choice, selected: choice === this.values[one.name] }, String(choice))));
    return select;
  }

  #tick(one, described) {
    const box = make("input", {
      ...described, type: "checkbox", role: "switch", checked: this.values[one.name],
      on: { change: () => this.#set(one, box.checked) },
    });
    return box;
  }

  #text(one, described) {
    const field = make("input", {
      ...described, type: "text", value: this.values[one.name],
      on: { change: () => this.#set(one, field.value) },
    });
    return field;
  }

  #number(one, described) {
    const field = make("input", {
      ...described, type: "number", value: this.values[one.name], min: one.min, max: one.max,
      step: one.type === "int" ? 1 : "any", inputmode: one.type === "int" ? "numeric" : "decimal",
      on: {
        change: () => {
          const value = Number(field.value);
          const kept = field.value !== "" && Number.isFinite(value) ? clamp(value, one) : one.default;
          field.value = kept;
          this.#set(one, kept);
          field.dispatchEvent(new CustomEvent("kept", { detail: kept }));
        },
      },
    });
    return field;
  }

  /** A slider beside the number: over what is worth trying, evenly or by factors. */
  #slider(one, field) {
    const scale = scaleOf(one);
    const slider = make("input", {
      type: "range", min: 0, max: scale.steps, step: 1, value: scale.place(this.values[one.name]),
      "aria-label": parameterLabel(one), "aria-valuetext": number(this.values[one.name]),
      on: {
        input: () => {
          const value = scale.value(Number(slider.value));
          field.value = value;
          slider.setAttribute("aria-valuetext", number(value));
          this.#set(one, value);
        },
      },
    });
    field.addEventListener("kept", (event) => (slider.value = scale.place(event.detail)));
    return slider;
  }
}

/** The nearest value that is allowed; an end that is not itself allowed is kept clear of by a hair. */
function clamp(value, { type, min, max, min_reached: from = true, max_reached: to = true }) {
  const hair = type === "int" ? 1 : 0.001 * (Number.isFinite(max) && Number.isFinite(min) ? max - min : 1);
  const low = (min ?? -Infinity) + (from ? 0 : hair);
  const high = (max ?? Infinity) - (to ? 0 : hair);
  return Math.min(Math.max(type === "int" ? Math.round(value) : value, low), high);
}

/** Ends of the slider: what is worth trying, widened to the value at hand; null where there is no end. */
function bounds({ min, max, search }) {
  const [low, high] = search?.length === 2 ? search : [min, max];
  return Number.isFinite(low) && Number.isFinite(high) && high > low ? [low, high] : null;
}

/** Between places of the slider, 0 to `steps`, and values. */
function scaleOf(one) {
  const [low, high] = bounds(one);
  const log = one.log && low > 0;
  const tidy = (value) => clamp(one.type === "int" ? value : Number(value.toPrecision(3)), one);
  if (log)
    return {
      steps: LOG_STEPS,
      place: (value) => Math.round((LOG_STEPS * Math.log(Math.max(value, low) / low)) / Math.log(high / low)),
      value: (place) => tidy(low * (high / low) ** (place / LOG_STEPS)),
    };
  const step = one.step || (one.type === "int" ? 1 : niceStep((high - low) / STEPS));
  const steps = Math.max(1, Math.round((high - low) / step));
  return {
    steps,
    place: (value) => Math.round((value - low) / step),
    value: (place) => tidy(low + place * step),
  };
}

/** The next of 1, 2 or 5 times a power of ten. */
function niceStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 5, 10].find((one) => one * power >= step * 0.999) || 10);
}
