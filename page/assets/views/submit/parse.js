// What the server understands of a text, before anything is sent.
import { askPatiently, post } from "../../core/api.js";
import { chunksOf, halvesOf } from "./chunks.js";

/** Codes that say that one request has too much in it. */
export const TOO_MUCH = new Set(["too_many_links", "body_too_large"]);

/**
 * Returns `{ items, refused, doubles, stored }`: what can be sent, each once, and what cannot.
 * @throws {Problem}
 */
export async function understand(text, { signal, onWait }) {
  const found = { items: [], refused: [], doubles: 0, stored: 0, known: new Set() };
  const chunks = chunksOf(text);
  while (chunks.length > 0) {
    const chunk = chunks.shift();
    try {
      const request = () => post("/links/parse", { links: chunk }, { signal });
      const { data } = await askPatiently(request, { signal, onWait });
      data.links.forEach((link) => add(found, link));
    } catch (problem) {
      const halves = TOO_MUCH.has(problem.code) ? halvesOf(chunk) : null;
      if (!halves) throw problem;
      chunks.unshift(...halves);
    }
  }
  return found;
}

function add(found, link) {
  if (link.status === "rejected") {
    found.refused.push({ link: link.link, code: link.error.code, detail: link.error.message });
    return;
  }
  const name = link.video_id ?? `list ${link.list_id}`;
  if (found.known.has(name)) { found.doubles += 1; return; }
  found.known.add(name);
  const isStored = link.stored === true;
  if (isStored) found.stored += 1;
  found.items.push({ url: link.url, kind: link.kind, video_id: link.video_id ?? null, isStored });
}
