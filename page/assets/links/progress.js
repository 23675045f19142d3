// How far the links are: a bar, and counts that are also spoken at each quarter.
import { announce } from "../core/announce.js";
import { h, setText, setVars } from "../core/dom.js";
import { number, t, tOf } from "../core/i18n.js";

/** Returns the bar and its counts, which show the set. */
export function progress(set, signal) {
  const fill = h("i", {});
  const failedPart = h("i", { class: "bad" });
  const bar = h("div", { class: "bar-of", role: "progressbar", "aria-valuemin": 0, "aria-label": t("progress.label") }, fill, failedPart);
  const counts = {};
  const list = h("dl", { class: "counts" }, ["stored", "failed", "pending"].map((name) => {
    counts[name] = h("dd", { "data-count": name });
    return h("div", { class: `count is-${name}` }, h("dt", {}, tOf("status", name)), counts[name]);
  }));
  let quarter = -1;
  const draw = () => {
    const { total, stored, failed, expanded, pending } = set.totals();
    const done = total - pending;
    bar.setAttribute("aria-valuemax", Math.max(total, 1));
    bar.setAttribute("aria-valuenow", done);
    bar.setAttribute("aria-valuetext", t("progress.of", { n: total, done }));
    setVars(fill, { width: `${total ? ((stored + expanded) / total) * 100 : 0}%` });
    setVars(failedPart, { width: `${total ? (failed / total) * 100 : 0}%` });
    for (const [name, value] of Object.entries({ stored, failed, pending })) setText(counts[name], number(value));
    list.dataset.failed = failed > 0;
    const reached = total ? Math.floor((done / total) * 4) : 0;
    if (total > 0 && reached !== quarter) {
      quarter = reached;
      announce(t("progress.of", { n: total, done }));
    }
  };
  draw();
  set.onChange(draw, signal);
  return h("div", { class: "progress" }, bar, list);
}
