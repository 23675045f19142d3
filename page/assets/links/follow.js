// Follows requests until nothing in them is pending: by one stream a tab, or by asking again and
// again where streams are refused. While the tab is hidden nothing is asked.
import { get } from "../core/api.js";
import { pause } from "../core/dom.js";
import { Problem, isAbort } from "../core/problems.js";
import { readEvents } from "./stream.js";

const PAGE = 1_000;
const POLL_PAUSE = 2_000;
const LONGEST_PAUSE = 30_000;
/** A stream that ended well is opened again at once; one that broke, after this. */
const AFTER_BREAK = 1_000;

/** Follows the requests of the set, one after another, until each is done. */
export async function follow(set, { signal, onProblem }) {
  for (;;) {
    const next = [...set.requests.values()].find((request) => !request.isDone);
    if (!next) return;
    await followOne(set, next.id, { signal, onProblem });
  }
}

async function followOne(set, id, { signal, onProblem }) {
  let lastId = null;
  let wait = AFTER_BREAK;
  while (!set.requests.get(id).isDone) {
    await visible(signal);
    const hidden = whileVisible(signal);
    try {
      await readEvents(`/links/${id}/events`, { lastId, signal: hidden.signal }, (name, data, eventId) => {
        lastId = eventId ?? lastId;
        wait = AFTER_BREAK;
        if (name === "store_unavailable") onProblem(new Problem(503, data));
        else onProblem(null);
        if (name === "link") set.put(id, data);
        else if (name !== "store_unavailable") set.count(id, data, name === "done");
      });
      await pause(AFTER_BREAK, signal);
    } catch (problem) {
      if (signal.aborted) throw signal.reason;
      if (isAbort(problem)) continue;
      if (!(problem instanceof Problem)) { await pause(wait, signal); continue; }
      if (problem.status === 401) { await get(`/links/${id}?limit=1`, signal); continue; }
      if (!problem.isPassing) { onProblem(problem); set.count(id, set.requests.get(id).counters, true); return; }
      if (isRefused(problem)) { await poll(set, id, problem.retryAfter, signal); continue; }
      onProblem(problem);
      await pause(problem.retryAfter ? problem.retryAfter * 1_000 : wait, signal);
      wait = Math.min(wait * 2, LONGEST_PAUSE);
    } finally {
      hidden.end();
    }
  }
}

/** Too many streams are open, here or at the server: others get their turn, and we ask. */
const isRefused = (problem) => problem.code === "too_many_streams" || problem.code === "client_streams";

/** Asks once for all links, and waits. */
async function poll(set, id, retryAfter, signal) {
  await readAll(set, id, signal);
  await pause(Math.max(POLL_PAUSE, (retryAfter ?? 0) * 1_000), signal);
}

/** Reads all links of a request as they are now. */
export async function readAll(set, id, signal) {
  let path = `/links/${id}?limit=${PAGE}`;
  while (path) {
    const page = await get(path, signal);
    set.count(id, page);
    for (const link of page.links) set.put(id, link);
    path = page.next;
  }
}

function visible(signal) {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const end = () => {
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", stop);
    };
    const look = () => { if (document.visibilityState === "visible") { end(); resolve(); } };
    const stop = () => { end(); reject(signal.reason); };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** A signal that aborts when the tab is hidden, or with the other one. */
function whileVisible(signal) {
  const both = new AbortController();
  const look = () => { if (document.visibilityState === "hidden") both.abort(); };
  const stop = () => both.abort(signal.reason);
  document.addEventListener("visibilitychange", look);
  signal.addEventListener("abort", stop, { once: true });
  const end = () => {
    document.removeEventListener("visibilitychange", look);
    signal.removeEventListener("abort", stop);
  };
  return { signal: both.signal, end };
}
