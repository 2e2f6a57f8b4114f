// How far a run is: told by the server as it happens, or asked for where that is not possible.

import * as api from "./api.js";
import { announce, alertWith, find, make } from "./dom.js";
import { number, seconds, t } from "./texts.js";

const FINAL = new Set(["done", "failed", "cancelled"]);
const POLL_MS = 1000;

export const isFinal = (status) => FINAL.has(status.state);

/** Follow one job until it ends; `onStatus` hears of every change. Returns a function that stops it. */
export function follow(job, onStatus, onLost) {
  let [source, timer, stopped] = [null, null, false];
  const stop = () => {
    stopped = true;
    source?.close();
    clearTimeout(timer);
  };
  const hear = (status) => {
    if (stopped) return;
    if (isFinal(status)) stop();
    onStatus(status);
  };
  const poll = async () => {
    try {
      hear(await api.status(job));
    } catch (error) {
      if (!stopped && error.status >= 400 && error.status < 500) {
        stop();
        onLost(error);
      }
    }
    if (!stopped) timer = setTimeout(poll, POLL_MS);
  };
  source = new EventSource(api.eventsAddress(job));
  const read = (event) => hear(JSON.parse(event.data));
  source.addEventListener("message", read);
  source.addEventListener("gone", (event) => {
    if (stopped) return;
    stop();
    onLost(new api.ApiError(JSON.parse(event.data).error, 404));
  });
  source.addEventListener("error", () => {
    source.close();
    if (!stopped) poll();
  });
  return stop;
}

/** The card that shows the two jobs of a run, one after the other. */
export class Progress {
  constructor({ onDone, onLost }) {
    Object.assign(this, { onDone, onLost, place: find("#progress"), stop: () => {}, shown: {} });
    document.addEventListener("vidlab:language", () => this.#show());
  }

  /** Watch a job, and the segmentation it waits for. */
  async watch(status) {
    this.leave();
    this.job = status.job_id;
    this.shown = { [status.job_id]: status };
    this.order = [status.job_id];
    if (status.parent_id) {
      const parent = await api.status(status.parent_id).catch(() => null);
      if (this.job !== status.job_id) return;
      if (parent) {
        this.order = [parent.job_id, status.job_id];
        this.shown[parent.job_id] = parent;
      }
    }
    this.place.hidden = false;
    this.#show();
    this.#followNext();
  }

  leave() {
    this.stop();
    this.job = null;
    this.place.hidden = true;
  }

  /** One line to the server at a time: browsers allow few, and a person may have several pages open. */
  #followNext() {
    const next = this.order.find((id) => !isFinal(this.shown[id]));
    if (!next) return;
    this.stop = follow(next, (status) => this.#hear(status), (error) => {
      alertWith(error.message);
      this.onLost();
    });
  }

  #hear(status) {
    const before = this.shown[status.job_id];
    this.shown[status.job_id] = status;
    if (before?.state !== status.state || before?.stage !== status.stage) announce(this.#sentence(status));
    this.#show();
    if (!isFinal(status)) return;
    if (status.job_id === this.job) this.onDone(status);
    else this.#followNext();
  }

  #kind = ({ kind, masks_id: own }) => t(own && kind === "segment" ? "kind.read" : `kind.${kind}`);

  #sentence(status) {
    const stage = status.state === "running" && status.stage ? t(`stage.${status.stage}`, {}, status.stage) : t(`state.${status.state}`);
    return `${this.#kind(status)}: ${stage}`;
  }

  #show() {
    if (!this.job) return;
    if (!find(".rows", this.place)) this.#build();
    find(".rows", this.place).replaceChildren(...this.order.map((id) => this.#row(this.shown[id])));
    find(".name", this.place).textContent = this.shown[this.job].name;
    find("#cancel").hidden = isFinal(this.shown[this.job]);
  }

  #build() {
    this.place.replaceChildren(
      make("div", { class: "head" },
        make("div", {}, make("h2", { say: "progress" }), make("p", { class: "name quiet" })),
        make("button", { type: "button", class: "plain", id: "cancel", say: "cancel", on: { click: () => this.#cancel() } }),
      ),
      make("ol", { class: "rows" }),
    );
  }

  #row(status) {
    const { state, frame, n_frames: n, kind } = status;
    const moving = state === "running";
    const bar = make("progress", {
      max: 1, "aria-label": this.#kind(status),
      value: state === "done" ? 1 : moving && n ? frame / n : moving ? null : 0,
    });
    return make("li", { class: `row ${state}`, "data-kind": kind },
      make("span", { class: "row-kind" }, this.#kind(status)),
      bar,
      make("span", { class: "row-facts quiet" }, this.#facts(status)),
      status.error ? make("p", { class: "row-error" }, status.error) : null,
    );
  }

  #facts(status) {
    const { state, stage, frame, n_frames: n, frames_per_s: speed, time_left_s: left, queue_position: place } = status;
    if (state === "queued") return place ? t("progress.place", { place }) : t("state.queued");
    if (state !== "running") return t(`state.${state}`);
    return [
      t(`stage.${stage}`, {}, stage || t("state.running")),
      n ? t("progress.frame", { frame, of: n }) : null,
      speed ? t("fps.work", { speed: number(speed, speed < 10 ? 1 : 0) }) : null,
      left !== null && left !== undefined ? t("progress.left", { left: seconds(left) }) : null,
    ].filter(Boolean).join(" · ");
  }

  async #cancel() {
    for (const id of [...this.order].reverse()) {
      if (isFinal(this.shown[id])) continue;
      await api.cancel(id).catch((error) => error.status !== 409 && alertWith(error.message));
    }
  }
}
