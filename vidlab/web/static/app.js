// The page as a whole: what is offered, what is running, and the result that is open.
// The address after # names the job, so that a reload, a bookmark or the back button shows it again.

import * as api from "./api.js";
import { alertWith, announce, find, make } from "./dom.js";
import { Films } from "./films.js";
import { Jobs } from "./jobs.js";
import { Numbers, Verdict } from "./numbers.js";
import { Plots } from "./plots.js";
import { isFinal, Progress } from "./progress.js";
import { Setup } from "./setup.js";
import { bytes, remember, remembered, startTexts, t } from "./texts.js";
import { Timeline } from "./timeline.js";
import { Viewer } from "./viewer.js";

const THEME = "vidlab.theme";

let opened = []; // the parts of the result that is shown; each can leave
let setup, progress, jobs;

const wantedJob = () => new URLSearchParams(location.hash.slice(1)).get("job");

async function start() {
  startTheme();
  await startTexts();
  keepDropsFromLeaving();
  setup = new Setup({ onStarted: (job) => (location.hash = `job=${job}`) });
  progress = new Progress({ onDone: finished, onLost: () => jobs.refresh() });
  jobs = new Jobs({ onRemoved: (job) => job === wantedJob() && (location.hash = "") });
  try {
    const [about, classes, methods] = await Promise.all([api.about(), api.classes(), api.methods()]);
    setup.offer({ about, classes, methods });
    find("#version").textContent = `vidlab ${about.version}`;
    find("#device").textContent = about.device;
    find("#device").hidden = !about.device;
  } catch (error) {
    alertWith(error.message);
    return;
  }
  window.addEventListener("hashchange", open);
  await open();
}

/** Show the job that the address names, or the way to a new one. */
async function open() {
  const job = wantedJob();
  close();
  jobs.refresh(job);
  find("#empty").hidden = Boolean(job);
  if (!job) return setup.startOver();
  try {
    const status = await api.status(job);
    if (job !== wantedJob()) return;
    const parent = status.parent_id ? await api.status(status.parent_id) : status;
    if (job !== wantedJob()) return;
    reuse(parent, status);
    document.title = `${status.name} · vidlab`;
    await progress.watch(status);
    if (isFinal(status)) await finished(status);
  } catch (error) {
    alertWith(error.message);
    find("#empty").hidden = false;
    setup.startOver();
  }
}

/** Offer to stabilize the same masks again, where there are or will be any. */
function reuse(parent, status) {
  if (["failed", "cancelled"].includes(parent.state)) setup.startOver();
  else setup.keep(parent, status);
}

/** The masks that were waited for are there now, or will never be; settings made meanwhile stay. */
async function renew({ job_id: job, parent_id: parent }) {
  if (!parent) return;
  const found = await api.status(parent).catch(() => null);
  if (found && job === wantedJob()) setup.renew(found);
}

function close() {
  for (const part of opened) part.leave();
  opened = [];
  progress.leave();
  alertWith(null);
  find("#result").hidden = true;
  document.title = "vidlab";
}

async function finished(status) {
  jobs.refresh();
  await renew(status);
  if (status.state !== "done") return;
  try {
    const [results, metrics] = await Promise.all([
      api.results(status.job_id),
      status.kind === "stabilize" ? api.metrics(status.job_id) : null,
    ]);
    if (status.job_id !== wantedJob()) return;
    progress.leave();
    show(status, results, metrics);
    announce(t("state.done"));
  } catch (error) {
    alertWith(error.message);
  }
}

function show(status, results, metrics) {
  const { job_id: job } = status;
  for (const part of opened) part.leave();
  find("#result").hidden = false;
  const timeline = new Timeline(results.pts_s);
  const iou = metrics?.curves.iou || { raw: [], stable: [] };
  const size = results.view_hw || results.size_hw;
  opened = [
    new Viewer({ job, types: Object.keys(results.frames), timeline, size, iou }),
    new Films({ job, types: Object.keys(results.videos), timeline, size }),
    new Files(results),
  ];
  for (const id of ["#verdict", "#plots", "#numbers"]) find(id).hidden = !metrics;
  if (!metrics) return;
  const { iou: overlap, area_px } = metrics.curves;
  opened.push(
    new Verdict({ metrics, onAgain: again }),
    new Plots({ curves: { iou: overlap, area_px }, timeline }),
    new Numbers({ rows: metrics.rows }),
  );
}

/** Lead to the parameters: the masks are there, only the last step is made again. */
function again() {
  find("#step-method").scrollIntoView({ behavior: "smooth", block: "start" });
  find("#method").focus({ preventScroll: true });
}

/** What can be downloaded. */
class Files {
  constructor({ files, losses = [] }) {
    Object.assign(this, { files, losses, gone: new AbortController() });
    document.addEventListener("vidlab:language", () => this.#show(), { signal: this.gone.signal });
    this.#show();
  }

  leave() {
    this.gone.abort();
    find("#files").replaceChildren();
  }

  #show() {
    find("#files").replaceChildren(
      make("h2", { say: "files" }),
      make("ul", { class: "files" }, ...this.files.map(({ name, url, bytes: weight, meaning }) => make("li", {},
        make("a", { href: api.address(url), download: name.split("/").pop() }, name),
        make("span", { class: "quiet" }, bytes(weight)),
        make("span", { class: "help" }, t(`file.${name}`, {}, meaning)),
      ))),
      ...this.losses.map((sentence) => make("p", { class: "help" }, sentence)),
    );
  }
}

function startTheme() {
  const select = find("#theme");
  select.value = remembered(THEME) || "auto";
  select.addEventListener("change", () => {
    remember(THEME, select.value);
    if (select.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = select.value;
  });
}

/** A file that misses its place must not replace the page. */
function keepDropsFromLeaving() {
  for (const event of ["dragover", "drop"])
    window.addEventListener(event, (drag) => drag.dataTransfer?.types.includes("Files") && drag.preventDefault());
}

start();
