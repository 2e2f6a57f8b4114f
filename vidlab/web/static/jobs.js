// What was computed before: it survives a reload, can be opened, and be removed.

import * as api from "./api.js";
import { alertWith, announce, find, make } from "./dom.js";
import { isFinal } from "./progress.js";
import { moment, t } from "./texts.js";

const REFRESH_MS = 5000; // while something is running

export class Jobs {
  constructor({ onRemoving }) {
    Object.assign(this, { onRemoving, place: find("#jobs"), listed: [], open: null });
    document.addEventListener("vidlab:language", () => this.#show());
  }

  /** Ask the server again; `open` is the job that is on the page. */
  async refresh(open = this.open) {
    this.open = open;
    clearTimeout(this.timer);
    try {
      const answer = await api.jobs();
      this.listed = answer.jobs || answer;
    } catch (error) {
      if (!this.listed.length) alertWith(error.message);
    }
    this.#show();
    if (this.listed.some((status) => !isFinal(status))) this.timer = setTimeout(() => this.refresh(), REFRESH_MS);
  }

  #show() {
    const children = new Set(this.listed.map((one) => one.parent_id));
    const shown = this.listed.filter((one) => one.kind === "stabilize" || !children.has(one.job_id));
    this.place.hidden = shown.length === 0;
    const focused = document.activeElement?.closest?.("#jobs [data-job]")?.dataset.job;
    this.place.replaceChildren(
      make("h2", { say: "jobs" }),
      make("ul", { class: "jobs" }, ...shown.map((one) => this.#row(one))),
    );
    if (focused) find(`#jobs [data-job="${focused}"] a`)?.focus();
  }

  #row(one) {
    const parent = this.listed.find(({ job_id: id }) => id === one.parent_id) || one;
    const source = parent.masks_id ? t("masks.given") : parent.model;
    const what = [source, ...(parent.class_names || []), one.method && t(`method.${one.method}`, {}, one.method)];
    return make("li", { class: `job ${one.state}`, "data-job": one.job_id, "aria-current": one.job_id === this.open && "true" },
      make("a", { href: `#job=${one.job_id}`, class: "name" }, one.name),
      make("span", { class: "quiet job-what" }, what.filter(Boolean).join(" · ")),
      make("span", { class: `badge ${one.state}` }, t(`state.${one.state}`)),
      make("time", { class: "quiet" }, moment(one.created_at)),
      make("button", {
        type: "button", class: "plain remove", "aria-label": t("remove.named", { name: one.name }),
        on: { click: () => this.#remove(one) },
      }, t("remove")),
    );
  }

  async #remove(one) {
    if (!window.confirm(t("remove.sure", { name: one.name }))) return;
    this.onRemoving(one.job_id);
    try {
      const siblings = this.listed.filter(({ parent_id: id }) => id && id === one.parent_id);
      if (siblings.length === 1) await api.remove(one.parent_id, { dependents: true }); // nothing is of it any more
      else await api.remove(one.job_id);
      announce(t("removed", { name: one.name }));
    } catch (error) {
      alertWith(error.message);
    }
    find("#jobs").focus();
    await this.refresh();
  }
}
