// The page as a whole: what is offered, what is running, and the result that is open.
// The address after # names the job, so that a reload, a bookmark or the back button shows it again.

import * as api from "./api.js";
import { alertWith, announce, find } from "./dom.js";
import { Files } from "./files.js";
import { Films } from "./films.js";
import { Jobs } from "./jobs.js";
import { Numbers, Verdict } from "./numbers.js";
import { Plots } from "./plots.js";
import { isFinal, Progress } from "./progress.js";
import { Setup } from "./setup.js";
import { remember, remembered, startTexts, t } from "./texts.js";
import { Timeline } from "./timeline.js";
import { Viewer } from "./viewer.js";

const THEME = "vidlab.theme";
const DEVICE_MS = 2000; // between two questions where networks run

let opened = []; // the parts of the result that is shown; each can leave
let setup, progress, jobs;

const wantedJob = () => new URLSearchParams(location.hash.slice(1)).get("job");

async function start() {
  startTheme();
  await startTexts();
  keepDropsFromLeaving();
  setup = new Setup({ onStarted: (job) => (location.hash = `job=${job}`) });
  progress = new Progress({ onDone: finished, onLost: () => jobs.refresh() });
  jobs = new Jobs({ onRemoving: letGo });
  try {
    const [about, classes, methods] = await Promise.all([api.about(), api.classes(), api.methods()]);
    setup.offer({ about, classes, methods });
    find("#version").textContent = `vidlab ${about.version}`;
    showDevice(about);
  } catch (error) {
    alertWith(error.message);
    return;
  }
  window.addEventListener("hashchange", open);
  await open();
}

/** Where networks run, and which are here: known only once the process that computes has looked. */
function showDevice({ device }, tries = 20) {
  find("#device").textContent = device;
  find("#device").hidden = !device;
  if (device || !tries) return;
  setTimeout(async () => {
    const about = await api.about().catch(() => null);
    if (about?.device) setup.offerModels(about.models);
    showDevice(about || { device: "" }, tries - 1);
  }, DEVICE_MS);
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

/** A job is about to be removed: nothing of it may be on the page, or be asked for. */
function letGo(job) {
  if (job !== wantedJob()) return;
  close();
  location.hash = "";
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
