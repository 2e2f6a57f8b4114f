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
    this.list = make("div", {
      class: "ticks", role: "group", label: "class.list", on: { keydown: (event) => this.#onArrow(event) },
    });
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
        type: "checkbox", value: name, tabindex: "-1",
        on: { change: () => this.#tick(name, box.checked), focus: () => this.#stopAt(box) },
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
    const first = this.rows.find(({ row }) => !row.hidden);
    if (!this.rows.some(({ box, row }) => box.tabIndex === 0 && !row.hidden)) this.#stopAt(first?.box);
  }

  /** A hundred boxes are one stop of the Tab key: the one that was used last, or the first that is seen. */
  #stopAt(wanted) {
    for (const { box } of this.rows) box.tabIndex = box === wanted ? 0 : -1;
  }

  #onArrow(event) {
    const seen = this.rows.filter(({ row }) => !row.hidden).map(({ box }) => box);
    const place = seen.indexOf(document.activeElement);
    const places = { ArrowDown: place + 1, ArrowRight: place + 1, ArrowUp: place - 1, ArrowLeft: place - 1, Home: 0, End: seen.length - 1 };
    if (place < 0 || !(event.key in places)) return;
    event.preventDefault();
    seen[Math.min(Math.max(places[event.key], 0), seen.length - 1)].focus();
  }

  /** Enter ticks the first that is found, and does not start the job; the arrow leads into the list. */
  #onKey(event) {
    const first = this.rows.find(({ row }) => !row.hidden);
    if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.box.focus();
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
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
