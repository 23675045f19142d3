// One video: what is known of it, how its views and likes went, and who asked for it.
import { hrefOf } from "../core/address.js";
import { get } from "../core/api.js";
import { h } from "../core/dom.js";
import { ago, compact, day, length, number, t, tOf, time } from "../core/i18n.js";
import { emptyBox, problemBox } from "../core/notices.js";
import { isAbort, textOfCode } from "../core/problems.js";
import { addImage, thumb } from "../parts/thumb.js";
import { viewsPlot } from "../parts/views-plot.js";
import { requestAgain } from "../parts/again.js";

const LINKS = 200;
const MOST_SHOWN = 20;

export function view({ params, signal }) {
  const id = params.id ?? "";
  const heading = h("h1", {}, t("video.title"));
  const body = h("div", { class: "video-body" });
  const section = h("section", { class: "video-view" }, heading, body);
  const load = async () => {
    try {
      const found = await get(`/videos/${encodeURIComponent(id)}?limit=${LINKS}`, signal);
      if (signal.aborted) return;
      draw({ found, heading, body, signal });
      document.title = `${heading.textContent} · linkrelay`;
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      body.replaceChildren(error.status === 404
        ? emptyBox(t("problem.unknown_video"), "", h("a", { class: "button", href: hrefOf("library") }, t("library.title")))
        : problemBox(error, load));
    }
  };
  return { title: t("video.title"), section, ready: load() };
}

function draw({ found, heading, body, signal }) {
  const { video } = found;
  heading.textContent = video?.title ?? found.video_id;
  const image = thumb({ video_id: null, seconds: video?.length_seconds });
  if (found.status === "stored") addImage(image, found.video_id, true);
  body.replaceChildren(
    h("div", { class: "video-top" },
      h("div", {}, image,
        h("div", { class: "row video-actions" },
          h("a", { class: "button", href: `https://www.youtube.com/watch?v=${encodeURIComponent(found.video_id)}`, target: "_blank", rel: "noopener noreferrer" }, t("video.watch")),
          requestAgain(found.video_id, signal))),
      h("div", {}, found.error && failure(found), video && facts(found, video))),
    ...(video ? [viewsPlot(found.links)] : []),
    ...(video?.chapters?.length ? [chapters(video.chapters)] : []),
    ...(video?.description ? [description(video.description)] : []),
    links(found));
}

function failure(found) {
  const isOlder = found.video && Date.parse(found.failed_at) < Date.parse(found.extracted_at);
  return h("div", { class: isOlder ? "notice" : "notice bad" },
    h("p", {}, textOfCode(found.error.code, found.error.message), " ", h("span", { class: "muted" }, ago(found.failed_at))));
}

function facts(found, video) {
  const { author } = video;
  const channel = author && h("a", { href: hrefOf("library", { channel_id: author.channel_id }) }, author.name);
  const rows = [
    ["video.channel", channel && [channel, author.subscribers ? h("span", { class: "muted" }, ` · ${t("video.subscribers", { n: author.subscribers, count: compact(author.subscribers) })}`) : null]],
    ["video.views_label", video.view_count !== null && number(video.view_count)],
    ["video.likes_label", video.like_count !== null && number(video.like_count)],
    ["video.length", length(video.length_seconds)],
    ["video.published", day(video.publish_date)],
    ["video.category", video.category && h("a", { href: hrefOf("library", { category: video.category }) }, video.category)],
    ["video.availability", video.availability && video.availability !== "ok" && h("span", { class: "badge warn" }, tOf("availability", video.availability))],
    ["video.live", (video.is_live && t("video.is_live")) || (video.is_upcoming && t("video.is_upcoming"))],
    ["video.keywords", video.keywords?.length > 0 && h("span", { class: "row keywords" }, [...new Set(video.keywords)].slice(0, 20).map((word) => h("span", { class: "badge" }, word)))],
    ["video.first_seen", time(found.first_seen_at)],
    ["video.extracted", `${time(found.extracted_at)} (${ago(found.extracted_at)})`],
  ];
  return h("dl", { class: "facts" }, rows.filter(([, value]) => value).map(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, value)]));
}

function chapters(list) {
  return h("details", { class: "panel" },
    h("summary", {}, h("h2", {}, t("video.chapters", { n: list.length }))),
    h("ol", { class: "chapters" }, list.map((chapter) => h("li", {}, h("span", { class: "muted num" }, length(chapter.start_seconds)), " ", chapter.title))));
}

function description(text) {
  return h("details", { class: "panel" },
    h("summary", {}, h("h2", {}, t("video.description"))), h("p", { class: "description", dir: "auto" }, text));
}

function links(found) {
  const shown = found.links.slice(0, MOST_SHOWN);
  return h("div", { class: "panel" }, h("h2", {}, t("video.links", { n: found.links_count })),
    h("ul", { class: "link-list" }, shown.map((link) => h("li", {},
      h("span", { class: `dot ${link.status === "stored" ? "good" : "bad"}` }),
      link.request_id
        ? h("a", { href: hrefOf("request", { id: link.request_id }), "data-request": link.request_id }, time(link.submitted_at ?? link.stored_at))
        : time(link.submitted_at ?? link.stored_at),
      h("span", { class: "muted" }, " ", link.link ?? "")))),
    found.links_count > shown.length && h("p", { class: "hint" }, t("failures.more", { n: found.links_count - shown.length })));
}
