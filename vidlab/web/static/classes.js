// Which classes are wanted: a search, a list to tick, and what is ticked. Nothing ticked means everything.

import { freshId, make } from "./dom.js";
import { currentLanguage, say, t } from "./texts.js";

const plain = (text) => text.toLowerCase().replace(/[\s_-]+/g, " ").trim();

export class Classes {
  constructor(place, { onChange = () => {} } = {}) {
    this.onChange = onChange;
    this.chosen = new Set();
    this.rows = [];
    const id = freshId("class");
    this.search = make("input", {
      type: "search", id, hint: "class.search", autocomplete: "off", spellcheck: "false",
      on: { input: () => this.#filter(), keydown: (event) => this.#onKey(event) },
    });
    this.chips = make("div", { class: "chips" });
    this.list = make("div", { class: "ticks", role: "group", label: "class.list", tabindex: "-1" });
    this.nothing = make("p", { class: "help", say: "class.nothing", hidden: true });
    place.append(
      make("label", { class: "field", for: id }, make("span", { say: "class" }), this.search),
      this.chips, this.list, this.nothing,
    );
    document.addEventListener("vidlab:language", () => this.#rename());
    this.#showChips();
  }

  /** Offer these classes: [{name, name_ru}]; what was ticked and is still there stays so. */
  offer(classes) {
    this.rows = classes.map(({ name, name_ru: russian }) => {
      const box = make("input", {
        type: "checkbox", value: name, on: { change: () => this.#tick(name, box.checked) },
      });
      const text = make("span");
      box.checked = this.chosen.has(name);
      return { name, russian, box, text, row: make("label", { class: "tick" }, box, text) };
    });
    this.list.replaceChildren(...this.rows.map(({ row }) => row));
    this.#rename();
  }

  get names() {
    return this.rows.filter(({ name }) => this.chosen.has(name)).map(({ name }) => name);
  }

  choose(names) {
    this.chosen = new Set(names);
    for (const { name, box } of this.rows) box.checked = this.chosen.has(name);
    this.#showChips();
  }

  #tick(name, wanted) {
    if (wanted) this.chosen.add(name);
    else this.chosen.delete(name);
    this.#showChips();
    this.onChange();
  }

  #rename() {
    const russian = currentLanguage() === "ru";
    for (const row of this.rows) row.text.textContent = (russian && row.russian) || row.name;
    this.#filter();
    this.#showChips();
  }

  #filter() {
    const wanted = plain(this.search.value);
    let n = 0;
    for (const { name, text, row } of this.rows) {
      row.hidden = !plain(name).includes(wanted) && !plain(text.textContent).includes(wanted);
      n += row.hidden ? 0 : 1;
    }
    this.nothing.hidden = n > 0 || this.rows.length === 0;
  }

  /** Enter ticks the first that is found, and does not start the job. */
  #onKey(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const first = this.rows.find(({ row }) => !row.hidden);
    if (!first || !this.search.value) return;
    first.box.checked = true;
    this.#tick(first.name, true);
    this.search.value = "";
    this.#filter();
  }

  #showChips() {
    const chips = this.rows.filter(({ name }) => this.chosen.has(name)).map(({ name, box, text }) =>
      make(
        "button",
        {
          type: "button", class: "chip", "aria-label": t("class.remove", { name: text.textContent }),
          on: {
            click: () => {
              box.checked = false;
              this.#tick(name, false);
              this.search.focus();
            },
          },
        },
        `${text.textContent} ×`,
      ),
    );
    if (!chips.length) {
      const all = make("p", { class: "help" });
      say(all, "class.all");
      chips.push(all);
    }
    this.chips.replaceChildren(...chips);
  }
}
