// Elements of the page, made in one expression. Texts go in as text, never as markup.

import { say, t } from "./texts.js";

/**
 * Make an element.
 * Properties: `say` is the key of a text (with `values`), `label` that of its name for screen readers, `hint`
 * that of its placeholder; `on` maps events to functions; everything else is an attribute, left out when it is
 * null, undefined or false.
 */
export function make(tag, properties = {}, ...children) {
  const { say: key, values, label, hint, on = {}, ...attributes } = properties;
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, act] of Object.entries(on)) element.addEventListener(event, act);
  if (key) say(element, key, values);
  if (label) {
    element.dataset.i18nLabel = label;
    element.setAttribute("aria-label", t(label));
  }
  if (hint) {
    element.dataset.i18nHint = hint;
    element.setAttribute("placeholder", t(hint));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make an element of a drawing (SVG). */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const find = (selector, within = document) => within.querySelector(selector);

let named = 0;

/** A name that no other element has, to tie a label to its control. */
export const freshId = (stem) => `${stem}-${++named}`;

/** Tell a screen reader something that is seen by everybody else. */
export function announce(text) {
  find("#announcer").textContent = text;
}

/** Show a mistake where it is seen; null takes it away. */
export function alertWith(text) {
  const place = find("#alerts");
  place.replaceChildren();
  if (!text) return;
  const close = () => place.replaceChildren();
  place.append(
    make(
      "div",
      { class: "alert" },
      make("p", {}, text),
      make("button", { type: "button", class: "plain", label: "close", on: { click: close } }, "×"),
    ),
  );
  place.scrollIntoView({ block: "nearest" });
}
