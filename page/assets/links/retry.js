// Submits failed links again, and waits for their outcome.
import { askPatiently, get, post } from "../core/api.js";
import { pause } from "../core/dom.js";

const LOOKS = 20;
const BETWEEN = 1_500;

/** Until there is a new outcome the server shows the old one, so what is still failed may change. */
export async function retry(set, keys, { signal }) {
  const byRequest = new Map();
  for (const key of keys) {
    const link = set.links.get(key);
    if (link?.status === "failed") byRequest.set(link.request, [...(byRequest.get(link.request) ?? []), link.index]);
  }
  for (const [id, indexes] of byRequest) {
    for (let at = 0; at < indexes.length; at += 500) {
      const some = indexes.slice(at, at + 500);
      await askPatiently(() => post(`/links/${id}/retry`, { indexes: some }, { signal }), { signal });
      set.retry(some.map((index) => `${id}:${index}`));
    }
  }
  for (const [id, indexes] of byRequest) await awaitOutcome(set, id, indexes, signal);
}

async function awaitOutcome(set, id, indexes, signal) {
  const open = new Set(indexes);
  for (let look = 1; open.size > 0 && look <= LOOKS; look += 1) {
    await pause(BETWEEN, signal);
    const page = await get(`/links/${id}?from=${Math.min(...open)}&limit=1000`, signal);
    set.count(id, page);
    for (const link of page.links) {
      // The last look takes what is there.
      if (!open.has(link.index) || (link.status === "failed" && look < LOOKS)) continue;
      set.put(id, link);
      open.delete(link.index);
    }
  }
}
