// The server, as functions. Addresses are relative to this file, so that the page works below any prefix.

import { t } from "./texts.js";

const BASE = new URL("../", import.meta.url);
const PATIENCE = 4; // times that "too many requests" is waited out
const LONGEST_WAIT_S = 10;

export class ApiError extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

/** The address of something that the server named by an absolute path. */
export const address = (path) => new URL(String(path).replace(/^\/+/, ""), BASE).href;

const part = encodeURIComponent;
export const frameAddress = (job, type, number) => address(`api/frames/${part(job)}/${part(type)}/${number}`);
export const filmAddress = (job, type) => address(`api/video/${part(job)}/${part(type)}`);
export const eventsAddress = (job) => address(`api/events/${part(job)}`);

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

async function ask(path, options = {}) {
  for (let tries = 0; ; tries += 1) {
    let answer;
    try {
      answer = await fetch(address(path), { credentials: "same-origin", ...options });
    } catch {
      throw new ApiError(t("error.offline"), 0);
    }
    if (answer.status === 429 && tries < PATIENCE) {
      await pause(Math.min(Number(answer.headers.get("Retry-After")) || 1, LONGEST_WAIT_S));
      continue;
    }
    const content = await answer.json().catch(() => null);
    if (!answer.ok) throw new ApiError(sentence(content, answer.status), answer.status);
    return content;
  }
}

const sentence = (content, status) =>
  content && typeof content.error === "string" ? content.error : t("error.status", { status: String(status) });

const send = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const about = () => ask("api");
export const classes = () => ask("api/classes");
export const methods = () => ask("api/methods");
export const jobs = () => ask("api/jobs");
export const status = (job) => ask(`api/status/${part(job)}`);
export const results = (job) => ask(`api/results/${part(job)}`);
export const metrics = (job) => ask(`api/metrics/${part(job)}`);
export const segment = (body) => send("api/segment", body);
export const stabilize = (body) => send("api/stabilize", body);
export const cancel = (job) => ask(`api/cancel/${part(job)}`, { method: "POST" });
export const remove = (job, { dependents = false } = {}) =>
  ask(`api/job/${part(job)}?dependents=${dependents}`, { method: "DELETE" });

/**
 * Send a file, telling how much of it has gone; `fetch` cannot tell that.
 * Returns the promise of what the server found in it, and a function that stops it.
 */
export function upload(file, kind, onShare) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", address(`api/upload?kind=${part(kind)}`));
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onShare(event.loaded / event.total);
    });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(new ApiError(sentence(request.response, request.status), request.status));
    });
    request.addEventListener("error", () => reject(new ApiError(t("error.offline"), 0)));
    request.addEventListener("abort", () => reject(new ApiError("", 0)));
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
  return { done, stop: () => request.abort() };
}
