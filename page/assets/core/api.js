// Asks the server. A caller gets an answer or a Problem; a 401 waits until the user has signed in.
import { Problem } from "./problems.js";
import { pause } from "./dom.js";

/** Returns once the user has signed in; set by the view that asks for the key. */
let signedIn = () => Promise.reject(new Problem(401, { code: "no_key" }));
export function onUnauthorized(wait) { signedIn = wait; }

/**
 * Returns the answer as `{ status, data, headers }`.
 * @throws {Problem} for a status from 400 on, and when there is no answer.
 */
export async function ask(path, options = {}) {
  for (;;) {
    const response = await send(path, options);
    if (response.ok) return { status: response.status, data: await bodyOf(response), headers: response.headers };
    const problem = await problemOf(response);
    if (problem.status !== 401 || options.signsIn) throw problem;
    await signedIn(problem, options.signal);
  }
}

/** The data of an answer to a GET. */
export const get = async (path, signal) => (await ask(path, { signal })).data;

/** Sends JSON. */
export function post(path, json, { signal, headers = {} } = {}) {
  return ask(path, { method: "POST", json, signal, headers });
}

/** Sends a request, and returns the answer, also one that is an error. */
export async function send(path, { method = "GET", json, headers = {}, signal } = {}) {
  const all = { accept: "application/json", ...headers };
  if (json !== undefined) all["content-type"] = "application/json";
  try {
    return await fetch(path, { method, headers: all, body: json === undefined ? undefined : JSON.stringify(json), signal, cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Problem(0, { detail: error.message });
  }
}

async function bodyOf(response) {
  if (response.status === 204) return null;
  try { return await response.json(); } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: error.message });
  }
}

/** Reads what an answer says of an error. */
export async function problemOf(response) {
  let body = {};
  try { body = await response.json(); } catch { /* Something in between answered. */ }
  const scope = /scope="([^"]+)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1];
  if (scope) body = { ...body, scope };
  const seconds = Number.parseFloat(response.headers.get("retry-after") ?? "");
  return new Problem(response.status, body, Number.isFinite(seconds) ? seconds : null);
}

/**
 * Asks until there is an answer that does not pass: after a 429 or 503, and while there is no answer,
 * it waits as long as the server says, or twice as long each time.
 */
export async function askPatiently(request, { signal, onWait } = {}) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await request();
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.isPassing) throw problem;
      const seconds = problem.retryAfter ?? Math.min(2 ** tries, 30);
      onWait?.(problem, seconds);
      await pause(seconds * 1000, signal);
    }
  }
}

/** A query of those values that are set. */
export function query(values) {
  const pairs = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(pairs).toString();
}

/** A path with a query, if there is any. */
export function withQuery(path, values) {
  const text = query(values);
  return text ? `${path}?${text}` : path;
}
