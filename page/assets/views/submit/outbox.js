// Batches that were sent and not answered yet. They outlive a reload and a closed tab, each with
// the Idempotency-Key it was first sent with: sent again, it makes no second request.
import { browser, tab } from "../../core/kept.js";

const NAME = "outbox";
export const MOST_LINKS = 500;
let inMemory = [];

/** All batches, the oldest first. */
export function batches() {
  return browser.get(NAME) ?? tab.get(NAME) ?? inMemory;
}

function keep(list) {
  inMemory = list;
  const kept = list.length > 0 ? list : null;
  if (!browser.set(NAME, kept)) tab.set(NAME, kept);
}

/** Adds links as batches, and returns them. */
export function add(items) {
  const added = [];
  for (let at = 0; at < items.length; at += MOST_LINKS) {
    added.push({ key: newKey(), items: items.slice(at, at + MOST_LINKS) });
  }
  keep([...batches(), ...added]);
  return added;
}

/** The batch is answered. */
export function remove(key) { keep(batches().filter((batch) => batch.key !== key)); }

/** Replaces a batch that was refused whole for its size by two; false if it has one link alone. */
export function halve(batch) {
  const middle = Math.ceil(batch.items.length / 2);
  if (batch.items.length < 2) return false;
  const halves = [batch.items.slice(0, middle), batch.items.slice(middle)];
  const two = halves.map((items) => ({ key: newKey(), items }));
  keep(batches().flatMap((one) => (one.key === batch.key ? two : [one])));
  return true;
}

export function clear() { keep([]); }

/** Not `randomUUID`, which browsers have only on secure addresses. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
