// The videos that the filters select, read page by page.
import { get, withQuery } from "../../core/api.js";

const FIRST = 60;
const NEXT = 180;
const MOST = 500;

export class Pages {
  items = [];
  total = null;
  #next;

  constructor(filters) {
    this.filters = filters;
    this.#next = withQuery("/videos", { ...filters, limit: FIRST });
  }

  get isWhole() { return this.#next === null; }

  /** Reads on until there is at least one more video; a page may be empty and not be the last. */
  async more(signal) {
    const before = this.items.length;
    while (this.#next !== null && this.items.length === before) await this.#read(this.#next, signal);
  }

  /** Reads on until there are that many videos, or all. */
  async upTo(count, signal) {
    while (this.#next !== null && this.items.length < count) {
      await this.#read(withLimit(this.#next, Math.min(MOST, count - this.items.length)), signal);
    }
  }

  /** How many there are in all: the server counts them, which may take longer than a page. */
  async count(signal) {
    if (this.isWhole) this.total = this.items.length;
    this.total ??= (await get(withQuery("/videos", { ...this.filters, limit: 1, total: true }), signal)).total ?? null;
    return this.total;
  }

  async #read(path, signal) {
    const page = await get(path, signal);
    this.#next = page.next ? withLimit(page.next, NEXT) : null;
    this.items.push(...page.videos.map(slim));
  }
}

function withLimit(path, limit) {
  const url = new URL(path, location.origin);
  url.searchParams.set("limit", String(Math.max(limit, 1)));
  return `${url.pathname}${url.search}`;
}

/** What a row shows: ten thousand descriptions would fill the memory. */
function slim({ video_id, status, first_seen_at, video, error }) {
  return {
    video_id, status, first_seen_at, code: error?.code ?? null, detail: error?.message ?? null,
    title: video?.title ?? null, channel: video?.author?.name ?? null, seconds: video?.length_seconds ?? null,
    views: video?.view_count ?? null, published: video?.publish_date ?? null, availability: video?.availability ?? null,
    isLive: video?.is_live === true,
  };
}
