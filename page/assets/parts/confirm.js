// Asks before what cannot be taken back.
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";

/** Resolves to whether the user says yes. */
export function confirmed(title, text, yes) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "confirm-title" },
      h("form", { method: "dialog" },
        h("h2", { id: "confirm-title" }, title), h("p", { class: "muted" }, text),
        h("div", { class: "row" },
          h("button", { value: "no", class: "quiet" }, t("action.cancel")),
          h("button", { value: "yes", class: "danger" }, yes))));
    dialog.addEventListener("close", () => { dialog.remove(); resolve(dialog.returnValue === "yes"); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
