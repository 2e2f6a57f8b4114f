// What the page says, in English and Russian. An element remembers the key of its text, so that a switch
// of the language needs no reload.

const LANGUAGES = ["en", "ru"];
const STORED = "vidlab.language";
const texts = {};
let language = "en";

/** What was chosen, else what the browser prefers, else English. */
function preferred() {
  const wanted = [remembered(STORED), ...(navigator.languages || [navigator.language])];
  const known = wanted.filter(Boolean).map((name) => name.slice(0, 2).toLowerCase());
  return known.find((name) => LANGUAGES.includes(name)) || "en";
}

/** What this browser kept under a name; null where storage is switched off. */
export function remembered(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // not kept, which changes nothing now
  }
}

export const currentLanguage = () => language;

async function load(name) {
  if (texts[name]) return;
  const answer = await fetch(new URL(`${name}.json`, import.meta.url));
  texts[name] = answer.ok ? await answer.json() : {};
}

/** Speak a language from now on; every text on the page follows. */
export async function speak(name) {
  await Promise.all([load("en"), load(name)]);
  language = name;
  document.documentElement.lang = name;
  translate(document.body);
  for (const button of document.querySelectorAll("[data-language]"))
    button.setAttribute("aria-pressed", String(button.dataset.language === name));
  document.dispatchEvent(new CustomEvent("vidlab:language"));
}

export async function startTexts() {
  for (const button of document.querySelectorAll("[data-language]"))
    button.addEventListener("click", () => {
      remember(STORED, button.dataset.language);
      speak(button.dataset.language);
    });
  await speak(preferred());
}

/** The text of a key; of several forms the one that fits the number `n`. Unknown keys give `otherwise`. */
export function t(key, values = {}, otherwise = key) {
  const form = "n" in values ? `${key}.${new Intl.PluralRules(language).select(values.n)}` : key;
  const own = texts[language] || {};
  const text = own[form] ?? own[key] ?? texts.en?.[form] ?? texts.en?.[key] ?? otherwise;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? shown(values[name]) : whole));
}

const shown = (value) => (typeof value === "number" ? number(value) : String(value));

/** Put a text into an element, which keeps its key. */
export function say(element, key, values) {
  element.dataset.i18n = key;
  if (values) element.dataset.i18nValues = JSON.stringify(values);
  else delete element.dataset.i18nValues;
  element.textContent = t(key, values, element.textContent || key);
}

/** Say everything below an element in the language of now. */
export function translate(root) {
  for (const element of root.querySelectorAll("[data-i18n]")) {
    const values = element.dataset.i18nValues;
    element.textContent = t(element.dataset.i18n, values ? JSON.parse(values) : {}, element.textContent);
  }
  for (const element of root.querySelectorAll("[data-i18n-label]"))
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  for (const element of root.querySelectorAll("[data-i18n-hint]"))
    element.setAttribute("placeholder", t(element.dataset.i18nHint));
}

/** A number as people of this language write it. */
export function number(value, digits) {
  const options = digits === undefined ? { maximumFractionDigits: 4 } : {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  };
  return new Intl.NumberFormat(language, options).format(value);
}

export function bytes(n) {
  if (n < 1000) return t("bytes", { n });
  const units = ["kB", "MB", "GB"];
  const power = Math.min(Math.floor(Math.log10(n) / 3), units.length);
  return `${number(n / 1000 ** power, n / 1000 ** power < 10 ? 1 : 0)} ${t(`unit.${units[power - 1]}`)}`;
}

/** Seconds as 1:05, or 3.2 s where they are few. */
export function seconds(value) {
  if (value < 60) return `${number(value, value < 10 ? 1 : 0)} ${t("unit.s")}`;
  const whole = Math.round(value);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (part) => String(part).padStart(2, "0");
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

export function moment(when) {
  const date = new Date(typeof when === "number" ? 1000 * when : when);
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(date);
}
