// The endless list: it reads on as the user scrolls, and comes back to the row where the user was.
import { LEAVING, hrefOf, keepState } from "../../core/address.js";
import { announce } from "../../core/announce.js";
import { debounce, h, setText } from "../../core/dom.js";
import { t } from "../../core/i18n.js";
import { emptyBox, showIn } from "../../core/notices.js";
import { isAbort } from "../../core/problems.js";
import { Pages } from "./pages.js";
import { headings, row } from "./row.js";
import { BlockList } from "./window.js";

/** Below the bar, where the first row is looked for. */
const TOP = 64;
/** How near the end may come before more is read. */
const NEAR_END = "1200px 0px";
const KEEP_PAUSE = 150;
/** The last list, for a user who comes back to it. */
let kept = null;

export class VideoList {
  #count;
  #failed = h("div", {});
  #table = h("div", { id: "videos", class: "videos", role: "table", "aria-label": t("library.title"), "aria-colcount": 3 });
  #more = h("button", { type: "button", id: "more", class: "quiet", hidden: true }, t("action.more"));
  #end = h("div", { class: "list-end" }, this.#more);
  #loading = new AbortController();
  #observer;
  #pages = null;
  #blocks = null;

  /** `count` is where the number of videos is shown. */
  constructor({ signal, count }) {
    this.#count = count;
    this.element = h("div", {}, this.#table, this.#failed, this.#end);
    this.#more.addEventListener("click", () => this.#readMore());
    this.#observer = new IntersectionObserver((entries) => {
      const isNear = entries.some((entry) => entry.isIntersecting);
      if (isNear && this.#pages && !this.#failed.hasChildNodes()) this.#readMore();
    }, { rootMargin: NEAR_END });
    signal.addEventListener("abort", () => { this.#observer.disconnect(); this.#loading.abort(); });
    const keep = () => this.#keepPlace();
    addEventListener("scroll", debounce(keep, KEEP_PAUSE, signal), { passive: true, signal });
    addEventListener(LEAVING, keep, { signal });
    addEventListener("pagehide", keep, { signal });
  }

  /** Shows the videos that the filters select, and those that were shown if there is a `place`. */
  async load(filters, place) {
    this.#loading.abort();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    const key = JSON.stringify(filters);
    const pages = place && kept?.key === key ? kept.pages : new Pages(filters);
    if (pages !== kept?.pages) setText(this.#count, "");
    if (!place) keepState({ keepsPlace: false, list: null, y: 0 });
    try {
      if (place) await pages.upTo(place.count, signal);
      else await pages.more(signal);
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) showIn(this.#failed, error, () => this.load(filters, place));
      return;
    }
    if (signal.aborted) return;
    kept = { key, pages };
    this.#show(pages, place, signal);
  }

  /** One list of elements; the layout is a class. */
  setLayout(layout) {
    const first = this.#blocks?.first(TOP);
    this.#table.classList.toggle("as-rows", layout === "rows");
    this.#table.classList.toggle("as-cards", layout === "cards");
    this.#blocks?.relayout();
    if (first) this.#comeBack(first);
  }

  /** The name of the channel of the videos, if they are those of one. */
  channelName() { return this.#pages?.items.find((item) => item.channel)?.channel ?? null; }

  #show(pages, place, signal) {
    this.#pages = pages;
    showIn(this.#failed, null);
    this.#table.setAttribute("aria-busy", "false");
    this.#table.replaceChildren(headings());
    this.#blocks = new BlockList({ place: this.#table, items: pages.items, row, signal });
    this.#grow(!place);
    if (place) this.#comeBack(place);
    this.#watchEnd();
    this.#showCount(pages, signal);
  }

  #grow(isFilled) {
    this.#blocks.grow(isFilled);
    this.#more.hidden = this.#pages.isWhole;
    if (this.#pages.items.length === 0 && this.#pages.isWhole) this.#table.append(emptyRow(this.#pages.filters));
  }

  async #readMore() {
    const { signal } = this.#loading;
    if (this.#pages.isWhole || this.#table.getAttribute("aria-busy") === "true") return;
    this.#table.setAttribute("aria-busy", "true");
    try {
      await this.#pages.more(signal);
      if (signal.aborted) return;
      this.#table.setAttribute("aria-busy", "false");
      showIn(this.#failed, null);
      this.#grow(true);
      this.#watchEnd();
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      this.#table.setAttribute("aria-busy", "false");
      this.#more.hidden = true;
      showIn(this.#failed, error, () => this.#readMore());
    }
  }

  /** Observed again, the end says where it is although it may not have left the screen. */
  #watchEnd() {
    this.#observer.unobserve(this.#end);
    this.#observer.observe(this.#end);
  }

  #keepPlace() {
    const first = this.#blocks?.first(TOP);
    if (first) keepState({ keepsPlace: true, list: { ...first, count: this.#pages.items.length } });
  }

  /** Scrolls until a row is where it was. */
  #comeBack({ index, top }) {
    if (index === 0 && top > TOP) return;
    const found = this.#blocks.show(index);
    if (found) scrollBy({ top: found.getBoundingClientRect().top - top, behavior: "instant" });
  }

  async #showCount(pages, signal) {
    const table = this.#table;
    table.setAttribute("aria-rowcount", pages.total === null ? -1 : pages.total + 1);
    try {
      const total = await pages.count(signal);
      if (signal.aborted || total === null) return;
      table.setAttribute("aria-rowcount", total + 1);
      const text = t("library.count", { n: total });
      setText(this.#count, text);
      announce(text);
    } catch { /* The list says what is wrong; without its length it is as good. */ }
  }
}

function emptyRow(filters) {
  const isFiltered = Object.keys(filters).length > 0;
  const box = isFiltered
    ? emptyBox(t("library.none_found"), t("library.none_found_help"), h("a", { class: "button", href: hrefOf("library") }, t("library.clear_filters")))
    : emptyBox(t("library.empty"), t("library.empty_help"), h("a", { class: "button", href: hrefOf("submit") }, t("submit.title")));
  return h("div", { role: "rowgroup" }, h("div", { role: "row" }, h("div", { role: "cell" }, box)));
}
