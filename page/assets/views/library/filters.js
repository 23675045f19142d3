// The filters of the library: what they are in the address, in the API, and on the screen.
import { debounce, h } from "../../core/dom.js";
import { t, tOf } from "../../core/i18n.js";

/** Those that have the same name in the address and in the API. */
const NAMES = ["q", "status", "availability", "channel_id", "category", "published_from", "published_before", "length_from", "length_below", "sort", "order"];
const STATUSES = ["", "stored", "failed"];
const AVAILABILITIES = ["", "ok", "age_restricted", "geo_blocked", "members_only", "payment_required", "upcoming", "unavailable"];
/** From and below, in seconds. */
const LENGTHS = { "": [null, null], short: [null, 240], middle: [240, 1200], long: [1200, null] };
const ORDERS = { newest: [null, null], oldest: [null, "asc"], published: ["published", null], published_first: ["published", "asc"] };

/** The filters that an address has. */
export function filtersOf(params) {
  return Object.fromEntries(NAMES.filter((name) => params[name]).map((name) => [name, params[name]]));
}

/** Draws the filters; `change(values)` is called with those that the user has changed. */
export function filterBar(filters, change, signal) {
  const lengthName = Object.keys(LENGTHS).find((name) => same(LENGTHS[name], [filters.length_from, filters.length_below])) ?? "other";
  const orderName = Object.keys(ORDERS).find((name) => same(ORDERS[name], [filters.sort, filters.order])) ?? "newest";
  return [
    choice("status", STATUSES, filters.status ?? "", (value) => change({ status: value })),
    choice("availability", AVAILABILITIES, filters.availability ?? "", (value) => change({ availability: value })),
    choice("length", lengthName === "other" ? [...Object.keys(LENGTHS), "other"] : Object.keys(LENGTHS), lengthName, (value) => {
      const [length_from, length_below] = LENGTHS[value] ?? [filters.length_from, filters.length_below];
      change({ length_from, length_below });
    }),
    dates(filters, change, signal),
    choice("sort", Object.keys(ORDERS), orderName, (value) => {
      const [sort, order] = ORDERS[value];
      change({ sort, order });
    }),
  ];
}

/** Filters that were chosen elsewhere, each with a button that takes it away. */
export function chosenElsewhere(filters, nameOfChannel, change) {
  const labels = { channel_id: nameOfChannel ?? filters.channel_id, category: filters.category };
  const buttons = Object.entries(labels).filter(([name]) => filters[name]).map(([name, label]) =>
    h("button", { type: "button", class: "small", "data-filter": name, "aria-label": t("filter.remove", { name: label }), onclick: () => change({ [name]: null }) },
      label, h("span", { "aria-hidden": "true" }, "×")));
  return buttons.length > 0 ? h("div", { class: "row" }, buttons) : null;
}

const same = (one, other) => one.every((value, index) => String(value ?? "") === String(other[index] ?? ""));

function choice(name, values, chosen, change) {
  const options = values.map((value) => h("option", { value, selected: value === chosen }, tOf("filter", `${name}_${value || "any"}`)));
  return h("label", { class: "filter" }, h("span", { class: "unseen" }, tOf("filter", name)),
    h("select", { id: `filter-${name}`, "data-set": chosen !== values[0], onchange: ({ target }) => { target.dataset.set = target.value !== values[0]; change(target.value); } }, options));
}

function dates(filters, change, signal) {
  const field = (name) => {
    const input = h("input", { type: "date", id: `filter-${name}`, value: (filters[name] ?? "").slice(0, 10), max: "9999-12-31" });
    // A year is typed digit by digit, and each makes a date.
    const later = debounce(() => change({ [name]: input.value || null }), 500, signal);
    input.addEventListener("change", later);
    return h("label", { class: "filter" }, h("span", {}, tOf("filter", name)), input);
  };
  const fields = [field("published_from"), field("published_before")];
  const summary = h("summary", { class: "button quiet" }, t("filter.dates"));
  const mark = () => { summary.dataset.set = fields.some((one) => one.querySelector("input").value !== ""); };
  mark();
  const popup = h("details", { class: "filter-dates", onchange: mark }, summary, h("div", { class: "filter-popup" }, fields));
  popup.addEventListener("keydown", (event) => { if (event.key === "Escape") { popup.open = false; summary.focus(); } });
  document.addEventListener("click", (event) => { if (!popup.contains(event.target)) popup.open = false; }, { signal });
  return popup;
}
