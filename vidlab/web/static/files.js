// What can be downloaded.

import { address } from "./api.js";
import { find, make } from "./dom.js";
import { bytes, t } from "./texts.js";

const isPlot = ({ name }) => name.startsWith("plot_");

export class Files {
  constructor({ files, losses = [] }) {
    Object.assign(this, { files, losses, place: find("#files"), gone: new AbortController() });
    document.addEventListener("vidlab:language", () => this.#show(), { signal: this.gone.signal });
    this.#show();
  }

  leave() {
    this.gone.abort();
    this.place.replaceChildren();
  }

  #show() {
    const plots = this.files.filter(isPlot);
    this.place.replaceChildren(
      make("h2", { say: "files" }),
      this.#list(this.files.filter((one) => !isPlot(one))),
      plots.length ? make("details", {}, make("summary", { say: "files.plots" }), this.#list(plots)) : "",
      ...this.losses.map((sentence) => make("p", { class: "help" }, sentence)),
    );
  }

  #list(files) {
    return make("ul", { class: "files" }, ...files.map(({ name, url, bytes: weight, meaning }) => make(
      "li", {},
      make("a", { href: address(url), download: name }, name),
      make("span", { class: "quiet" }, bytes(weight)),
      make("span", { class: "help" }, t(`file.${name}`, {}, meaning)),
    )));
  }
}
