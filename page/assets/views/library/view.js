// The library: every video once, searched as you type, in an endless list that comes back to where
// it was.
import { LEAVING, hrefOf, keepState, replaceAddress } from "../../core/address.js";
import { announce } from "../../core/announce.js";
import { withQuery } from "../../core/api.js";
import { debounce, h, setText } from "../../core/dom.js";
import { t, tOf } from "../../core/i18n.js";
import { browser } from "../../core/kept.js";
import { emptyBox, showIn } from "../../core/notices.js";
import { isAbort } from "../../core/problems.js";
import { chosenElsewhere, filterBar, filtersOf } from "./filters.js";
import { Pages } from "./pages.js";
import { headings, row } from "./row.js";
import { searchAsTyped } from "./search.js";
import { BlockList } from "./window.js";

const LAYOUT = "layout";
/** Below the bar, where the first row is looked for. */
const TOP = 64;
/** The last list, for who comes back to it. */
let kept = null;

export function view({ params, signal, place }) {
  const title = t("library.title");
  const search = h("input", { id: "search", type: "search", value: params.q ?? "", placeholder: t("library.search"), autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  const filters = h("div", { class: "filters" });
  const elsewhere = h("div", {});
  const count = h("p", { class: "muted", id: "found" });
  const exports = ["csv", "ndjson"].map((format) => h("a", { class: "button quiet small-text", download: true, id: format === "csv" ? "export" : "export-ndjson" }, tOf("library", `export_${format}`)));
  const list = listPart({ signal, count });
  let current = filtersOf(params);

  const draw = () => {
    elsewhere.replaceChildren(...[chosenElsewhere(current, list.channelName(current.channel_id), change)].filter(Boolean));
    exports[0].href = withQuery("/export", { ...current, format: "csv", bom: true });
    exports[1].href = withQuery("/export", { ...current, format: "ndjson" });
  };
  const change = (values) => {
    current = filtersOf({ ...current, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || null])) });
    replaceAddress(hrefOf("library", current));
    draw();
    list.load(current);
  };
  filters.append(...filterBar(current, change, signal));
  searchAsTyped(search, (q) => change({ q }), signal);
  draw();

  const section = h("section", { class: "library" },
    h("div", { class: "row-between" }, h("div", { class: "row heading" }, h("h1", {}, title), count), h("div", { class: "row" }, exports, layoutChoice(list))),
    h("form", { role: "search", class: "search-bar", onsubmit: (event) => event.preventDefault() },
      h("label", { for: "search", class: "unseen" }, t("library.search")), search, filters),
    elsewhere, list.element);
  return { title, section, ready: list.load(current, place.list) };
}

function layoutChoice(list) {
  const chosen = browser.get(LAYOUT) === "rows" ? "rows" : "cards";
  const select = h("select", { id: "layout", onchange: () => { browser.set(LAYOUT, select.value); list.setLayout(select.value); } },
    ["cards", "rows"].map((value) => h("option", { value, selected: value === chosen }, tOf("layout", value))));
  list.setLayout(chosen);
  return h("label", { class: "filter" }, h("span", { class: "unseen" }, t("layout.label")), select);
}

function listPart({ signal, count }) {
  const failed = h("div", {});
  const table = h("div", { id: "videos", class: "videos", role: "table", "aria-label": t("library.title"), "aria-colcount": 3 });
  const more = h("button", { type: "button", id: "more", class: "quiet", hidden: true }, t("action.more"));
  const end = h("div", { class: "list-end" }, more);
  const element = h("div", {}, table, failed, end);
  let loading = new AbortController();
  let pages = null;
  let blocks = null;

  const grow = (isFilled) => {
    blocks.grow(isFilled);
    more.hidden = pages.isWhole;
    if (pages.items.length === 0 && pages.isWhole) showEmpty(table, pages.filters);
  };
  const readMore = async (mine) => {
    if (pages.isWhole || table.getAttribute("aria-busy") === "true") return;
    table.setAttribute("aria-busy", "true");
    try {
      await pages.more(mine.signal);
      if (mine.signal.aborted) return;
      showIn(failed, null);
      grow(true);
    } catch (error) {
      if (!isAbort(error) && !mine.signal.aborted) { more.hidden = true; showIn(failed, error, () => readMore(mine)); }
    } finally {
      if (mine === loading) table.setAttribute("aria-busy", "false");
    }
    watchEnd();
  };
  const observer = new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && pages && !failed.hasChildNodes()) readMore(loading);
  }, { rootMargin: "1200px 0px" });
  // Observed again, it says where it is although it may not have left the screen.
  const watchEnd = () => { observer.unobserve(end); observer.observe(end); };
  more.addEventListener("click", () => readMore(loading));
  signal.addEventListener("abort", () => { observer.disconnect(); loading.abort(); });

  const load = async (filters, place) => {
    loading.abort();
    loading = new AbortController();
    const mine = loading;
    const key = JSON.stringify(filters);
    const isBack = place !== undefined && kept?.key === key;
    const next = isBack ? kept.pages : new Pages(filters);
    try {
      await next.upTo(place?.count ?? 1, mine.signal);
      if (next.items.length === 0) await next.more(mine.signal);
    } catch (error) {
      if (!isAbort(error) && !mine.signal.aborted) showIn(failed, error, () => load(filters, place));
      return;
    }
    if (mine.signal.aborted) return;
    showIn(failed, null);
    table.setAttribute("aria-busy", "false");
    pages = next;
    kept = { key, pages };
    table.replaceChildren(headings());
    blocks = new BlockList({ place: table, items: pages.items, row, signal: mine.signal });
    grow(!place);
    if (place) comeBack(blocks, place);
    watchEnd();
    showCount(pages, { table, count, signal: mine.signal });
  };

  const keep = () => {
    const first = blocks?.first(TOP);
    if (first) keepState({ keepsPlace: true, list: { ...first, count: pages.items.length } });
  };
  const keepLater = debounce(keep, 150, signal);
  addEventListener("scroll", keepLater, { passive: true, signal });
  addEventListener(LEAVING, keep, { signal });
  addEventListener("pagehide", keep, { signal });

  const setLayout = (layout) => {
    const first = blocks?.first(TOP);
    table.classList.toggle("as-rows", layout === "rows");
    table.classList.toggle("as-cards", layout === "cards");
    blocks?.relayout();
    if (first && scrollY > 200) comeBack(blocks, first);
  };
  const channelName = (id) => (id ? pages?.items.find((item) => item.channel)?.channel : null);
  return { element, load, setLayout, channelName };
}

/** Scrolls until a row is where it was. */
function comeBack(blocks, { index, top }) {
  if (index === 0 && top > TOP) return;
  const found = blocks.show(index);
  if (found) scrollBy({ top: found.getBoundingClientRect().top - top, behavior: "instant" });
}

async function showCount(pages, { table, count, signal }) {
  table.setAttribute("aria-rowcount", pages.total === null ? -1 : pages.total + 1);
  try {
    const total = pages.isWhole ? (pages.total = pages.items.length) : await pages.count(signal);
    if (signal.aborted || total === null) return;
    table.setAttribute("aria-rowcount", total + 1);
    const text = t("library.count", { n: total });
    setText(count, text);
    announce(text);
  } catch { /* The list says what is wrong; without its length it is as good. */ }
}

function showEmpty(table, filters) {
  const isFiltered = Object.keys(filters).length > 0;
  table.append(h("div", { role: "rowgroup" }, h("div", { role: "row" }, h("div", { role: "cell" }, isFiltered
    ? emptyBox(t("library.none_found"), t("library.none_found_help"), h("a", { class: "button", href: hrefOf("library") }, t("library.clear_filters")))
    : emptyBox(t("library.empty"), t("library.empty_help"), h("a", { class: "button", href: hrefOf("submit") }, t("submit.title")))))));
}
