// One video of the library; as a row or as a card it is the same element.
import { hrefOf } from "../../core/address.js";
import { h } from "../../core/dom.js";
import { compact, day, t, tOf } from "../../core/i18n.js";
import { textOfCode } from "../../core/problems.js";
import { thumb } from "../../parts/thumb.js";

/** The headings of the columns. */
export function headings() {
  const names = ["library.column_title", "library.column_channel", "library.column_more"];
  return h("div", { role: "rowgroup", class: "unseen" }, h("div", { role: "row", "aria-rowindex": 1 },
    names.map((name) => h("span", { role: "columnheader" }, t(name)))));
}

/** Makes the row of a video, the `index`th of the list. */
export function row(item, index) {
  return h("div", { class: "video", role: "row", "aria-rowindex": index + 2, "data-video": item.video_id, "data-status": item.status },
    h("div", { role: "cell", class: "contents" },
      thumb({ video_id: item.status === "stored" ? item.video_id : null, seconds: item.seconds }),
      h("a", { class: "video-title", href: hrefOf("video", { id: item.video_id }) }, item.title ?? item.video_id)),
    h("div", { role: "cell", class: "video-by" }, item.channel ?? ""),
    h("div", { role: "cell", class: "video-more" }, about(item)));
}

function about(item) {
  if (item.status === "failed") return [h("span", { class: "dot bad" }), textOfCode(item.code, item.detail)];
  const words = [
    item.views === null ? null : t("video.views", { n: item.views, count: compact(item.views) }),
    day(item.published) || null,
  ].filter(Boolean).join(" · ");
  const badge = item.availability && item.availability !== "ok"
    ? h("span", { class: "badge warn" }, tOf("availability", item.availability)) : null;
  return [words, badge && " ", badge];
}
