// The parts of the server, and what an operator should know although every part works.
import { h } from "../../core/dom.js";
import { t, tOf } from "../../core/i18n.js";

export function partsPart({ ready, parts = {}, warnings = {} }) {
  const known = Object.entries(warnings ?? {});
  return [
    h("p", { class: `notice ${ready ? "good" : "bad"}`, role: ready ? null : "alert" }, ready ? t("health.ready") : t("health.not_ready")),
    h("ul", { class: "part-list" }, Object.entries(parts).map(([name, state]) => h("li", { "data-part": name, "data-ok": state === "ok" },
      h("span", { class: `dot ${state === "ok" ? "good" : "bad"}` }),
      h("b", {}, tOf("part", name)), " ", h("span", { class: "muted" }, state === "ok" ? t("health.works") : state)))),
    known.length > 0 && h("ul", { class: "part-list" }, known.map(([name, text]) => h("li", { "data-warning": name },
      h("span", { class: "dot warn" }), h("b", {}, tOf("warning", name)), " ", h("span", { class: "muted" }, String(text))))),
  ].filter(Boolean);
}
