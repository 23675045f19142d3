// What was submitted, the newest first, and how far each is.
import { hrefOf, replaceAddress } from "../core/address.js";
import { get, withQuery } from "../core/api.js";
import { h, setVars } from "../core/dom.js";
import { ago, list, number, t, time } from "../core/i18n.js";
import { emptyBox, showIn } from "../core/notices.js";
import { isAbort } from "../core/problems.js";
import { shortOf } from "../parts/short.js";
import { thumb } from "../parts/thumb.js";

const PAGE = 50;

export function view({ params, signal }) {
  const title = t("requests.title");
  const rows = h("ul", { class: "requests" });
  const failed = h("div", {});
  const more = h("button", { type: "button", id: "more", class: "quiet", hidden: true, onclick: () => read() }, t("action.more"));
  const pending = h("input", { type: "checkbox", id: "filter-pending", checked: params.pending === "true", onchange: () => {
    replaceAddress(hrefOf("requests", { pending: pending.checked || null }));
    begin();
  } });
  let next = null;
  let loading = new AbortController();

  const read = async () => {
    const mine = loading;
    more.disabled = true;
    try {
      // A page may be empty and not be the last.
      for (let found = 0; next && found === 0;) {
        const page = await get(next, AbortSignal.any([signal, mine.signal]));
        found = page.requests.length;
        next = page.next ?? null;
        rows.append(...page.requests.map(row));
      }
      showIn(failed, null);
    } catch (error) {
      if (isAbort(error) || signal.aborted || mine !== loading) return;
      showIn(failed, error, read);
    }
    more.disabled = false;
    more.hidden = next === null;
    if (rows.childElementCount === 0 && next === null && !failed.hasChildNodes()) rows.append(h("li", {}, empty(pending.checked)));
  };
  const begin = () => {
    loading.abort();
    loading = new AbortController();
    rows.replaceChildren();
    next = withQuery("/requests", { limit: PAGE, pending: pending.checked || null });
    return read();
  };
  const section = h("section", {},
    h("div", { class: "row-between" }, h("h1", {}, title),
      h("label", { class: "check", for: "filter-pending" }, pending, t("requests.only_pending"))),
    rows, failed, h("div", { class: "list-end" }, more));
  return { title, section, ready: begin() };
}

function empty(isFiltered) {
  return isFiltered ? emptyBox(t("requests.none_pending"), "")
    : emptyBox(t("requests.empty"), t("library.empty_help"), h("a", { class: "button", href: hrefOf("submit") }, t("submit.title")));
}

/** The video in a link, if it is of a usual form: only for its thumbnail. */
const idIn = (link) => /(?:[?&]v=|youtu\.be\/|\/(?:shorts|live|embed)\/)([\w-]{11})/.exec(link)?.[1] ?? null;

function row(request) {
  const { total, stored, failed, expanded, pending } = request;
  const part = (count, name) => { const bar = h("i", { class: name }); setVars(bar, { width: `${total ? (count / total) * 100 : 0}%` }); return bar; };
  const words = [t("requests.stored", { n: stored })];
  if (failed > 0) words.push(t("requests.failed", { n: failed }));
  if (pending > 0) words.push(t("requests.pending", { n: pending }));
  // Of a video that failed there is no thumbnail.
  const isStored = failed === 0 && pending === 0;
  const images = request.links.map((link) => thumb({ video_id: isStored ? idIn(link) : null }));
  return h("li", { class: "request-row", "data-request": request.id, "data-pending": pending },
    h("div", { class: "request-images", "aria-hidden": "true" }, images),
    h("div", { class: "row-between" },
      h("a", { class: "request-link", href: hrefOf("request", { id: request.id }) }, t("requests.links", { n: total, count: number(total) })),
      h("time", { class: "muted", datetime: request.accepted_at, title: time(request.accepted_at) }, ago(request.accepted_at))),
    h("p", { class: "muted one-line" }, request.links.map(shortOf).join("  ·  ")),
    h("div", { class: "bar-of thin", "aria-hidden": "true" }, part(stored + expanded, ""), part(failed, "bad")),
    h("p", { class: "hint" }, list(words)));
}
