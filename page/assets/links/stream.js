// Reads the events of a request. Not by EventSource: it shows neither why it was refused nor lets
// us say, in a new connection, what we have already.
import { problemOf, send } from "../core/api.js";

/**
 * Reads one stream to its end, and calls `act(name, data, id)` for each event.
 * @throws {Problem} if it is refused or breaks.
 */
export async function readEvents(path, { lastId, signal }, act) {
  const headers = { accept: "text/event-stream", ...(lastId ? { "last-event-id": lastId } : {}) };
  const response = await send(path, { headers, signal });
  if (!response.ok) throw await problemOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let left = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (left + value).split(/\r?\n\r?\n/);
    left = blocks.pop();
    for (const block of blocks) tell(block, act);
  }
}

/** One event; a comment, which keeps the connection open, is none. */
function tell(block, act) {
  const event = { name: "message", data: [], id: null };
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^(\w*):? ?(.*)$/.exec(line) ?? [];
    if (name === "event") event.name = value;
    else if (name === "id") event.id = value;
    else if (name === "data") event.data.push(value);
  }
  if (event.data.length > 0) act(event.name, JSON.parse(event.data.join("\n")), event.id);
}
