// Boxes that tell the user something.
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { textOf } from "./problems.js";

/** What went wrong, with a button to try again if that may help. */
export function problemBox(problem, again) {
  return h("div", { class: "notice bad", role: "alert" },
    h("p", {}, textOf(problem)),
    again && h("button", { type: "button", class: "quiet", onclick: again }, t("action.try_again")));
}

/** Why there is nothing to see, and what to do about it. */
export function emptyBox(title, text, ...more) {
  return h("div", { class: "empty" },
    h("div", { class: "empty-art", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
    h("p", { class: "empty-title" }, title), text && h("p", {}, text), ...more);
}

/** Shows a problem in an element that is made for it, or empties that element. */
export function showIn(place, problem, again) {
  place.replaceChildren(...(problem ? [problemBox(problem, again)] : []));
}
