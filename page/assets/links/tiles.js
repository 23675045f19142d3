// A tile for each link, which fills as the link is done.
import { hrefOf } from "../core/address.js";
import { h, setText } from "../core/dom.js";
import { t, tOf } from "../core/i18n.js";
import { textOfCode } from "../core/problems.js";
import { may } from "../core/session.js";
import { addImage, setLength, thumb } from "../parts/thumb.js";
import { shortOf } from "../parts/short.js";
import { factsOf } from "./facts.js";

/** Returns the list, which shows the set. */
export function tiles(set, { signal, onRetry }) {
  const list = h("ul", { class: "videos as-cards arriving" });
  const byKey = new Map();
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      fillFacts(target, set.links.get(target.dataset.link));
    }
  }, { rootMargin: "200px" });
  signal.addEventListener("abort", () => seen.disconnect());
  const draw = (links) => {
    const added = document.createDocumentFragment();
    for (const link of links) {
      let tile = byKey.get(link.key);
      if (!tile) {
        tile = newTile(link);
        byKey.set(link.key, tile);
        added.append(tile);
      }
      fill(tile, link, onRetry);
      if (link.status === "stored" && link.video_id && may("read")) seen.observe(tile);
    }
    list.append(added);
  };
  draw([...set.links.values()]);
  set.onChange(draw, signal);
  return list;
}

function newTile(link) {
  return h("li", { class: "video", "data-link": link.key },
    thumb({ video_id: null }),
    h("a", { class: "video-title" }), h("p", { class: "video-by" }), h("p", { class: "video-state" }));
}

function fill(tile, link, onRetry) {
  tile.dataset.status = link.status;
  const title = tile.querySelector(".video-title");
  const isStored = link.status === "stored";
  setText(title, link.title || shortOf(link.url ?? link.link) || t("link.waiting", { n: link.index + 1 }));
  if (isStored && link.video_id) {
    title.href = hrefOf("video", { id: link.video_id });
    addImage(tile.querySelector(".thumb"), link.video_id);
  }
  const state = tile.querySelector(".video-state");
  state.replaceChildren(...stateOf(link, onRetry));
}

function stateOf(link, onRetry) {
  if (link.status === "failed") {
    const again = h("button", { type: "button", class: "quiet small", "data-again": link.key, disabled: !may("admin"), onclick: () => onRetry([link.key]) }, t("action.try_again"));
    return [h("span", { class: "dot bad" }), textOfCode(link.error?.code, link.error?.message), " ", again];
  }
  if (link.status === "expanded") return [h("span", { class: "dot good" }), t("link.expanded", { n: link.videos ?? 0 })];
  if (link.status === "pending") return [h("span", { class: "dot" }), link.isAgain ? t("link.again") : tOf("status", "pending")];
  return [];
}

async function fillFacts(tile, link) {
  const video = await factsOf(link.video_id);
  if (!video) return;
  setText(tile.querySelector(".video-by"), video.author?.name ?? "");
  setLength(tile.querySelector(".thumb"), video.length_seconds);
}
