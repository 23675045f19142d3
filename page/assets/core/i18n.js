// Texts by their keys, and numbers, dates and lengths as people of a language write them.

let texts = {};
let language = "en";
let forms = formsOf("en");

function formsOf(tag) {
  return {
    number: new Intl.NumberFormat(tag),
    fine: new Intl.NumberFormat(tag, { maximumFractionDigits: 1 }),
    compact: new Intl.NumberFormat(tag, { notation: "compact" }),
    percent: new Intl.NumberFormat(tag, { style: "percent" }),
    plural: new Intl.PluralRules(tag),
    day: new Intl.DateTimeFormat(tag, { dateStyle: "medium" }),
    time: new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "short" }),
    clock: new Intl.DateTimeFormat(tag, { timeStyle: "short" }),
    relative: new Intl.RelativeTimeFormat(tag, { numeric: "auto" }),
    list: new Intl.ListFormat(tag, { type: "conjunction" }),
  };
}

/** Loads the texts of a language and writes those of the shell. */
export async function loadLanguage(tag) {
  const module = await import(`../lang/${tag}.js`);
  texts = module.default;
  language = tag;
  forms = formsOf(tag);
  document.documentElement.lang = tag;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  document.documentElement.dataset.ready = "";
}

export const currentLanguage = () => language;

/** Whether there is a text of this key. */
export const has = (key) => Object.hasOwn(texts, key);

/**
 * Returns a text. Its `{name}` are replaced by `values`; of a text with several forms, `values.n`
 * chooses the one that the language uses for this number.
 */
export function t(key, values = {}) {
  const found = texts[key] ?? key;
  const text = typeof found === "string" ? found : found[forms.plural.select(values.n)] ?? found.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? forms.number.format(value) : value;
  });
}

/** The text of a value of a kind, as in `tOf("status", "stored")`; the value itself if there is none. */
export function tOf(kind, value, values) {
  const key = `${kind}.${value}`;
  return has(key) ? t(key, values) : String(value ?? "");
}

export const number = (value) => forms.number.format(value);
export const fine = (value) => forms.fine.format(value);
export const compact = (value) => forms.compact.format(value);
export const percent = (share) => forms.percent.format(share);
export const list = (items) => forms.list.format(items);

const known = (when) => when !== null && when !== undefined && !Number.isNaN(Date.parse(when));
export const day = (when) => (known(when) ? forms.day.format(new Date(when)) : "");
export const time = (when) => (known(when) ? forms.time.format(new Date(when)) : "");
export const clock = (when) => (known(when) ? forms.clock.format(new Date(when)) : "");

const UNITS = [["year", 31_557_600], ["month", 2_629_800], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];

/** How long ago, or how soon. */
export function ago(when) {
  if (!known(when)) return "";
  const seconds = (Date.parse(when) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return forms.relative.format(Math.round(seconds / size), unit);
}

/** The length of a video, as players show it: 1:02:03. */
export function length(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] > 0 ? parts : parts.slice(1);
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/** A span of time in words: "2 hr, 5 min". */
export function span(seconds) {
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  const shown = first < 0 ? [["second", 1]] : units.slice(first, first + 2);
  let left = Math.round(seconds);
  const words = shown.map(([unit, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return count === 0 && left === 0 && shown.length > 1 && unit !== shown[0][0] ? null
      : new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(count);
  });
  return words.filter(Boolean).join(" ");
}
