// The three steps before a run: a video, where its masks come from, and how they are made calm.

import * as api from "./api.js";
import { Classes } from "./classes.js";
import { alertWith, find, make } from "./dom.js";
import { Drop } from "./drop.js";
import { Sliders } from "./sliders.js";
import { say, t } from "./texts.js";

const VIDEOS = "video/*,.mkv,.avi,.mov,.webm,.mp4,.m4v,.ts";
const OF_MASKS = ["min_score", "drop_below", "prob_threshold"]; // settings that do not need a network
const MASKS = ".zip,.json,application/zip,application/json";

export class Setup {
  /** onStarted is called with the id of the stabilization that was started. */
  constructor({ onStarted }) {
    this.onStarted = onStarted;
    this.form = find("#setup");
    this.kept = null; // the job whose masks are used again
    const onError = alertWith;
    const onChange = () => this.#check();
    this.video = new Drop(find("#drop-video"), { kind: "video", accept: VIDEOS, onChange, onError });
    this.own = new Drop(find("#drop-masks"), {
      kind: "masks", accept: MASKS, onError, onChange: () => this.#onSource(),
    });
    this.classes = new Classes(find("#classes"));
    this.finding = new Sliders(find("#finding"));
    this.sliders = new Sliders(find("#parameters"));
    this.form.addEventListener("submit", (event) => this.#run(event));
    for (const radio of this.form.elements.masks) radio.addEventListener("change", () => this.#onSource());
    find("#model").addEventListener("change", (event) => {
      this.chosen = event.target.value; // the default may change once the server has looked; a choice stays
      this.#showModel();
    });
    find("#method").addEventListener("change", () => this.#showMethod());
    document.addEventListener("vidlab:language", () => this.#onLanguage());
  }

  /** Fill the form with what the server offers. */
  offer({ about, classes, methods }) {
    Object.assign(this, { allClasses: classes, methods, settings: about.parameters });
    const limits = { mb: about.limits.max_upload_mb, minutes: Math.round(about.limits.max_length_s / 6) / 10 };
    this.video.limit(limits);
    this.offerModels(about.models);
    this.#offerFinding();
    this.classes.offer(classes);
    this.#offerMethods(methods.find((one) => one.default)?.name);
    this.#check();
  }

  get #usesOwn() {
    return this.form.elements.masks.value === "own";
  }

  #onSource() {
    find("#network").hidden = this.#usesOwn;
    find("#own").hidden = !this.#usesOwn;
    const named = this.#usesOwn && this.own.found?.classes?.length ? new Set(this.own.found.classes) : null;
    this.classes.offer(named ? this.allClasses.filter(({ name }) => named.has(name)) : this.allClasses);
    find("#classes").hidden = this.#usesOwn && !named;
    this.#offerFinding();
    this.#check();
  }

  /** Settings of how masks are found; of masks that are there already, which of them count. */
  #offerFinding() {
    const fitting = this.settings.filter(({ name }) => !this.#usesOwn || OF_MASKS.includes(name));
    this.finding.offer(fitting, this.finding.values);
  }

  /** Offer these networks; what was chosen stays so, if it can. */
  offerModels(models) {
    this.models = models;
    const select = find("#model");
    const chosen = this.chosen || this.models.find((one) => one.default && one.available)?.name;
    const missing = this.models.filter((one) => !one.available);
    select.replaceChildren(...this.models.map((one) => make(
      "option",
      { value: one.name, disabled: !one.available, selected: one.name === chosen, title: one.reason || null },
      one.available ? one.name : t("model.off", { name: one.name }),
    )));
    find("#model-reasons").hidden = missing.length === 0;
    find("#model-reasons ul").replaceChildren(
      ...missing.map((one) => make("li", {}, make("strong", {}, one.name), ` ${one.reason}`)),
    );
    this.#showModel();
  }

  #showModel() {
    const one = this.models.find(({ name }) => name === find("#model").value);
    const text = one ? t(`model.${one.name}`, {}, one.description) : "";
    find("#model-help").textContent = one?.reason ? `${text} ${one.reason}` : text;
  }

  #offerMethods(chosen) {
    find("#method").replaceChildren(...this.methods.map(({ name }) =>
      make("option", { value: name, selected: name === chosen }, t(`method.${name}`, {}, name))));
    this.#showMethod();
  }

  get #method() {
    return this.methods.find(({ name }) => name === find("#method").value);
  }

  #showMethod(values) {
    find("#method-help").textContent = t(`method.${this.#method.name}.help`, {}, this.#method.description);
    this.sliders.offer(this.#method.parameters, values);
  }

  #onLanguage() {
    if (!this.methods) return;
    this.offerModels(this.models);
    for (const option of find("#method").options) option.textContent = t(`method.${option.value}`, {}, option.value);
    find("#method-help").textContent = t(`method.${this.#method.name}.help`, {}, this.#method.description);
    if (this.kept) this.#showKept();
    this.#check();
  }

  /** Say whether a run can start, and if not, what is missing. */
  #check() {
    const missing = this.kept ? null
      : !this.video.found ? "run.video"
      : this.#usesOwn && !this.own.found ? "run.masks"
      : null;
    find("#run").disabled = Boolean(missing) || Boolean(this.busy) || !this.methods;
    say(find("#run"), this.kept ? "run.again" : "run");
    const help = find("#run-help");
    if (missing) say(help, missing);
    else {
      delete help.dataset.i18n;
      help.textContent = "";
    }
  }

  async #run(event) {
    event.preventDefault();
    if (find("#run").disabled) return;
    alertWith(null);
    this.busy = true;
    this.#check();
    try {
      const parent = this.kept?.job_id || (await this.#segment());
      const started = await api.stabilize({
        job_id: parent, method: this.#method.name, params: this.sliders.changed,
      });
      this.onStarted(started.job_id);
    } catch (error) {
      alertWith(error.message);
    } finally {
      this.busy = false;
      this.#check();
    }
  }

  async #segment() {
    const own = this.#usesOwn;
    const started = await api.segment({
      upload_id: this.video.found.upload_id,
      masks_id: own ? this.own.found.upload_id : null,
      model: own ? null : find("#model").value,
      class_names: this.classes.names,
      params: this.finding.changed,
    });
    return started.job_id;
  }

  /** Use the masks of a segmentation again: only the last step is left to choose. */
  keep(segmentation, { method, params } = {}) {
    this.kept = segmentation;
    this.#showKept();
    if (method && this.methods.some(({ name }) => name === method)) {
      find("#method").value = method;
      this.#showMethod(params);
    }
    this.#check();
  }

  /** The segmentation that is kept has come further. */
  renew(segmentation) {
    if (["failed", "cancelled"].includes(segmentation.state)) return this.startOver();
    this.kept = segmentation;
    this.#showKept();
    return this.#check();
  }

  /** Start over with another video. */
  startOver() {
    this.kept = null;
    for (const id of ["#step-video", "#step-masks"]) find(id).hidden = false;
    find("#kept").hidden = true;
    this.#check();
  }

  #showKept() {
    const { name, model, masks_id: own, class_names: classes } = this.kept;
    const source = own ? t("masks.given") : model;
    for (const id of ["#step-video", "#step-masks"]) find(id).hidden = true;
    find("#kept").hidden = false;
    find("#kept").replaceChildren(
      make("p", { class: "name" }, name),
      make("p", { class: "quiet" }, [source, ...classes].filter(Boolean).join(" · ")),
      make("p", { class: "help", say: this.kept.state === "done" ? "kept" : "kept.soon" }),
      make("button", {
        type: "button", class: "plain", id: "start-over", say: "kept.over",
        on: { click: () => (location.hash = "") },
      }),
    );
  }
}
