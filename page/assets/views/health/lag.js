// How many records wait, partition by partition; one that cannot be read costs its row.
import { h, setVars } from "../../core/dom.js";
import { t, tOf } from "../../core/i18n.js";
import { countText } from "./processes.js";

export function lagPart({ topic, group, lag, partitions }) {
  const most = Math.max(...partitions.map((one) => one.lag ?? 0), 1);
  return [
    h("p", { class: "hint" }, t("health.lag_of", { topic, group })),
    h("p", { class: "large" }, t("health.lag_count", { n: lag ?? 0, value: countText(lag) })),
    h("div", { class: "scroller", tabindex: 0, role: "group", "aria-label": t("health.lag") }, h("table", {},
      h("thead", {}, h("tr", {}, ["partition", "lag_short", "committed", "end", "owner"].map((key) => h("th", { scope: "col", class: key === "owner" || key === "partition" ? null : "num" }, tOf("health", key))))),
      h("tbody", {}, partitions.map((one) => row(one, most))))),
  ];
}

function row(one, most) {
  const bar = h("i", {});
  setVars(bar, { width: `${((one.lag ?? 0) / most) * 100}%` });
  const cells = one.error
    ? [h("td", { colspan: 4, class: "bad-text" }, one.error)]
    : [h("td", { class: "num" }, countText(one.lag), h("div", { class: "bar-of thin", "aria-hidden": "true" }, bar)),
      h("td", { class: "num" }, countText(one.committed)), h("td", { class: "num" }, countText(one.end)),
      h("td", { class: "one-line" }, one.owner ?? "–")];
  return h("tr", { "data-partition": one.partition }, h("th", { scope: "row" }, String(one.partition)), cells);
}
