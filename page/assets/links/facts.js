// Channel and length of videos, asked for a few at a time, and only of those that are looked at.
import { get } from "../core/api.js";

const AT_ONCE = 4;
const MOST_KEPT = 5_000;
const known = new Map();
const waiting = [];
let running = 0;

/** Returns the newest metadata of a video, or null if there is none. */
export function factsOf(id) {
  if (!known.has(id)) {
    if (known.size >= MOST_KEPT) known.delete(known.keys().next().value);
    known.set(id, new Promise((resolve) => { waiting.push({ id, resolve }); next(); }));
  }
  return known.get(id);
}

async function next() {
  if (running >= AT_ONCE || waiting.length === 0) return;
  running += 1;
  // The newest first: it is what the user looks at.
  const { id, resolve } = waiting.pop();
  try {
    resolve((await get(`/videos/${encodeURIComponent(id)}?limit=1`)).video ?? null);
  } catch {
    known.delete(id);
    resolve(null);
  }
  running -= 1;
  next();
}
