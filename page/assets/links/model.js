// The links of one or more requests, and what is known of each. It draws nothing.

/** How many links a request has by its id, `<uuid>-<n>`. */
export const countOf = (id) => Number.parseInt(id.slice(id.lastIndexOf("-") + 1), 10) || 0;

export class LinkSet {
  /** By id: `{ id, counters, isDone }`. */
  requests = new Map();
  /** By `id:index`: `{ key, request, index, status, url?, video_id?, title?, error?, videos? }`. */
  links = new Map();
  #listeners = new Set();
  #changed = new Set();
  #isPlanned = false;

  /** Calls `act` with the links that changed, at most once a frame. */
  onChange(act, signal) {
    this.#listeners.add(act);
    signal?.addEventListener("abort", () => this.#listeners.delete(act));
  }

  /** Adds a request with the links that were sent, or those that its id counts. */
  add(id, items = null) {
    if (this.requests.has(id)) return;
    const total = items?.length ?? countOf(id);
    this.requests.set(id, { id, isDone: false, counters: { total, stored: 0, failed: 0, expanded: 0, pending: total } });
    for (let index = 0; index < total; index += 1) {
      const item = items?.[index] ?? {};
      this.#set({ request: id, index, status: "pending", url: item.url ?? null, video_id: item.video_id ?? null });
    }
  }

  /** Adds what the server says of a link. */
  put(id, link) {
    const key = `${id}:${link.index}`;
    const before = this.links.get(key) ?? { request: id, index: link.index, url: null };
    if (before.status === link.status && before.title === link.title && link.status === "pending") return;
    this.#set({ ...before, ...link, url: before.url ?? link.link ?? null, video_id: link.video_id ?? before.video_id ?? null });
  }

  /** A failed link was submitted again. */
  retry(keys) {
    for (const key of keys) {
      const link = this.links.get(key);
      if (link) this.#set({ ...link, status: "pending", isAgain: true, lastError: link.error, error: null });
    }
  }

  /** The counters of a request, as the server has them. */
  count(id, { total, stored, failed, expanded, pending }, isDone = false) {
    const request = this.requests.get(id);
    if (!request) return;
    this.requests.set(id, { ...request, counters: { total, stored, failed, expanded, pending }, isDone: isDone || pending === 0 });
    this.#plan();
  }

  /** All links with a status. */
  with(status) { return [...this.links.values()].filter((link) => link.status === status); }

  /** The counters of all requests together, and of what is known by link where that is more. */
  totals() {
    const sum = { total: 0, stored: 0, failed: 0, expanded: 0, pending: 0 };
    for (const { counters } of this.requests.values()) {
      for (const name of Object.keys(sum)) sum[name] += counters[name] ?? 0;
    }
    return sum;
  }

  #set(link) {
    const key = `${link.request}:${link.index}`;
    this.links.set(key, { ...link, key });
    this.#changed.add(key);
    this.#plan();
  }

  #plan() {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    requestAnimationFrame(() => {
      this.#isPlanned = false;
      const changed = [...this.#changed].map((key) => this.links.get(key));
      this.#changed.clear();
      for (const act of this.#listeners) act(changed);
    });
  }
}
