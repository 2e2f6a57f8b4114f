// A place to drop a file, or to choose one; sends it and says what the server found in it.

import { upload } from "./api.js";
import { announce, freshId, make } from "./dom.js";
import { bytes, number, seconds, t } from "./texts.js";

export class Drop {
  /**
   * kind: "video" or "masks"; accept: what the file dialog offers; onChange is called with what the server
   * found, or null when there is nothing.
   */
  constructor(place, { kind, accept, onChange, onError }) {
    Object.assign(this, { place, kind, accept, onChange, onError, found: null, sending: null });
    place.classList.add("drop-place");
    document.addEventListener("vidlab:language", () => this.found && this.#showFound());
    this.#showEmpty();
  }

  /** Say how large a file may be, once the server has told. */
  limit(values) {
    this.limits = values;
    if (!this.found && !this.sending) this.#showEmpty();
  }

  clear() {
    this.sending?.stop();
    this.sending = this.found = null;
    this.#forgetPreview();
    this.#showEmpty();
    this.onChange(null);
  }

  #showEmpty() {
    const id = freshId("file");
    const input = make("input", {
      type: "file", id, accept: this.accept, class: "hidden-input",
      "aria-describedby": `${id}-hint`,
      on: { change: () => input.files.length && this.take(input.files[0]) },
    });
    const area = make(
      "label",
      { class: "drop", for: id },
      icon(),
      make("span", { class: "drop-title", say: `drop.${this.kind}` }),
      make("span", { class: "quiet", say: `drop.${this.kind}.hint`, id: `${id}-hint` }),
      this.limits ? make("span", { class: "quiet", say: "drop.limits", values: this.limits }) : null,
    );
    this.#listen(area);
    this.place.replaceChildren(input, area);
  }

  #listen(area) {
    const over = (event) => {
      event.preventDefault();
      area.classList.add("over");
    };
    area.addEventListener("dragenter", over);
    area.addEventListener("dragover", over);
    area.addEventListener("dragleave", () => area.classList.remove("over"));
    area.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) this.take(file);
    });
  }

  /** Send a file. */
  async take(file) {
    this.onError(null);
    const bar = make("progress", { max: 1, value: 0, label: "drop.sending" });
    const stop = make("button", { type: "button", class: "plain", say: "cancel", on: { click: () => this.clear() } });
    this.place.replaceChildren(
      make("div", { class: "sending" }, make("p", { class: "name" }, file.name), bar, stop),
    );
    const sending = upload(file, this.kind, (share) => (bar.value = share));
    this.sending = sending;
    try {
      const found = await sending.done;
      if (this.sending !== sending) return;
      this.sending = null;
      this.found = found;
      this.#preview(file);
      this.#showFound();
      announce(t("drop.done", { name: found.name }));
      this.onChange(found);
    } catch (error) {
      if (this.sending !== sending) return;
      this.clear();
      if (error.message) this.onError(error.message);
    }
  }

  #preview(file) {
    this.#forgetPreview();
    if (this.kind === "video") this.picture = URL.createObjectURL(file);
  }

  #forgetPreview() {
    if (this.picture) URL.revokeObjectURL(this.picture);
    this.picture = null;
  }

  #showFound() {
    const { name, n_frames: n, fps, duration_s: length, size_hw: size, bytes: weight } = this.found;
    const facts = [
      size ? `${size[1]}×${size[0]}` : null,
      n ? t("frames", { n }) : null,
      fps ? t("fps", { fps: number(fps, Number.isInteger(fps) ? 0 : 2) }) : null,
      length ? seconds(length) : null,
      bytes(weight),
    ].filter(Boolean);
    const another = make("button", {
      type: "button", class: "plain", say: "drop.another", on: { click: () => this.#again() },
    });
    const film = this.picture && make("video", {
      src: this.picture, muted: true, playsinline: true, preload: "metadata", controls: true, class: "preview",
      label: "drop.preview", on: { error: () => film.remove() }, // a codec this browser lacks: facts will do
    });
    if (film) film.muted = true;
    this.place.replaceChildren(
      make(
        "div", { class: "found" }, film,
        make("div", { class: "found-facts" },
          make("p", { class: "name" }, name),
          make("p", { class: "quiet" }, facts.join(" · ")),
        ),
        another,
      ),
    );
  }

  #again() {
    this.clear();
    this.place.querySelector("input").focus();
  }
}

function icon() {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "drop-icon");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", "M12 16V4m0 0 4.5 4.5M12 4 7.5 8.5M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3");
  svg.append(path);
  return svg;
}
