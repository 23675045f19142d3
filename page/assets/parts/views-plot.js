// The views and likes of a video, each time YouTube was asked.
import { h } from "../core/dom.js";
import { compact, day, number, t, tOf, time } from "../core/i18n.js";
import { plot } from "../core/plot.js";

/** Makes the part, from the links that named the video. */
export function viewsPlot(links) {
  const looks = looksOf(links);
  return h("div", { class: "panel", id: "history-plot" },
    h("h2", {}, t("video.history")),
    looks.length < 2 && h("p", { class: "muted" }, t("video.history_short")),
    h("div", { class: "plots" }, one("views", "view_count", looks), one("likes", "like_count", looks)),
    looks.length > 0 && h("details", {}, h("summary", {}, t("plot.as_table")), table(looks)));
}

/** One for each time that YouTube was asked, the oldest first. */
function looksOf(links) {
  const byTime = new Map();
  for (const link of links) {
    if (link.extracted_at && link.view_count !== null && link.view_count !== undefined) byTime.set(link.extracted_at, link);
  }
  return [...byTime.values()].sort((one, other) => Date.parse(one.extracted_at) - Date.parse(other.extracted_at));
}

function one(name, field, looks) {
  const points = looks.map((look) => ({ x: Date.parse(look.extracted_at), y: look[field] }));
  const first = looks[0]?.[field];
  const last = looks.at(-1)?.[field];
  const label = tOf("video", `${name}_label`);
  return plot({
    name, label, points, showsDots: true, format: compact,
    now: last === null || last === undefined ? "–" : number(last),
    text: t("plot.from_to", { name: label, from: first ?? 0, to: last ?? 0 }),
    ends: looks.length > 0 ? [day(looks[0].extracted_at), day(looks.at(-1).extracted_at)] : [],
  });
}

function table(looks) {
  return h("div", { class: "scroller", tabindex: 0, role: "group", "aria-label": t("video.history") }, h("table", {},
    h("thead", {}, h("tr", {}, ["video.extracted", "video.views_label", "video.likes_label"].map((key, at) => h("th", { scope: "col", class: at ? "num" : null }, t(key))))),
    h("tbody", {}, looks.map((look) => h("tr", {},
      h("td", {}, time(look.extracted_at)), h("td", { class: "num" }, number(look.view_count)),
      h("td", { class: "num" }, look.like_count === null ? "–" : number(look.like_count)))))));
}
