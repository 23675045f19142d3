// Add videos: paste or drop anything, see what is understood, send it, and watch it arrive.
import { h } from "../../core/dom.js";
import { t } from "../../core/i18n.js";
import { pasteBox } from "./paste-box.js";
import { sentPart } from "./sent-part.js";

export function view({ signal }) {
  const title = t("submit.title");
  const sent = sentPart(signal);
  const section = h("section", { class: "submit" },
    h("div", { class: "intro" }, h("h1", {}, title), h("p", { class: "lead" }, t("submit.lead"))),
    pasteBox({ signal, onSend: sent.send }),
    sent.element);
  return { title, section, ready: sent.begin() };
}
