// The links that failed, grouped by the reason, each group to be tried again.
import { h } from "../core/dom.js";
import { groupBy } from "../core/group.js";
import { number, t } from "../core/i18n.js";
import { textOfCode } from "../core/problems.js";
import { may } from "../core/session.js";
import { shortOf } from "../parts/short.js";

const MOST_SHOWN = 8;

/** Returns the groups, which show the set. */
export function failures(set, { signal, onRetry, id = "failures" }) {
  const place = h("section", { id, class: "failures", hidden: true, "aria-labelledby": `${id}-title` });
  let before = "";
  const draw = () => {
    const failed = set.with("failed");
    const groups = groupBy(failed, (link) => link.error?.code ?? "internal_error");
    const state = groups.map(([code, links]) => `${code} ${links.length}`).join();
    if (state === before) return;
    before = state;
    place.hidden = failed.length === 0;
    place.replaceChildren(...(failed.length > 0 ? drawn(groups, failed, { id, onRetry }) : []));
  };
  draw();
  set.onChange(draw, signal);
  return place;
}

function drawn(groups, failed, { id, onRetry }) {
  const button = (name, links, text) => h("button", {
    type: "button", class: "quiet", "data-again": name, disabled: !may("admin"),
    title: may("admin") ? null : t("problem.scope", { scope: "admin" }), onclick: () => onRetry(links.map((link) => link.key)),
  }, text);
  return [
    h("div", { class: "row-between" },
      h("h2", { id: `${id}-title` }, t("failures.title", { n: failed.length })),
      button("all", failed, t("failures.again_all"))),
    h("ul", { class: "groups" }, groups.map(([code, links]) => h("li", { class: "group", "data-reason": code },
      h("div", { class: "row-between" },
        h("p", {}, h("b", {}, number(links.length)), " ", textOfCode(code, links[0].error?.message)),
        groups.length > 1 && button(code, links, t("failures.again_these"))),
      h("ul", { class: "plain-list" }, links.slice(0, MOST_SHOWN).map((link) => h("li", {}, link.title ?? shortOf(link.link ?? link.url ?? link.key))),
        links.length > MOST_SHOWN && h("li", {}, t("failures.more", { n: links.length - MOST_SHOWN })))))),
  ];
}
