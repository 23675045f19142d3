// Sends the batches of the outbox, one after another, until each is answered.
import { askPatiently, post } from "../../core/api.js";
import * as outbox from "./outbox.js";
import { TOO_MUCH } from "./parse.js";

let running = null;

/** Whether batches are being sent by this tab. */
export const isSending = () => running !== null;

/**
 * Sends everything. `told` is told of each batch: `accepted(id, items)`, `refused(results)`,
 * `waits(problem, seconds)`; it rejects with the Problem of a batch that waits for the user.
 */
export function sendAll(told, signal) {
  running ??= alone(() => sendEach(told, signal), signal).finally(() => { running = null; });
  return running;
}

/** One tab sends at a time, where the browser has locks; with the keys, two would double nothing. */
function alone(act, signal) {
  return navigator.locks ? navigator.locks.request("linkrelay.outbox", { signal }, act) : act();
}

async function sendEach(told, signal) {
  for (let [batch] = outbox.batches(); batch; [batch] = outbox.batches()) {
    signal?.throwIfAborted();
    try {
      const answer = await sendOne(batch, told, signal);
      const refused = (answer.results ?? []).filter((result) => result.status === "rejected");
      const indexes = new Set(refused.map((result) => result.index));
      outbox.remove(batch.key);
      told.accepted(answer.id, batch.items.filter((_, index) => !indexes.has(index)));
      if (refused.length > 0) told.refused(refused);
    } catch (problem) {
      if (TOO_MUCH.has(problem.code) && outbox.halve(batch)) continue;
      if (problem.code !== "no_valid_links") throw problem;
      outbox.remove(batch.key);
      told.refused(problem.body.results ?? []);
    }
  }
}

async function sendOne(batch, told, signal) {
  const request = () => post("/links/send-message-kafka", { links: batch.items.map((item) => item.url) }, {
    signal, headers: { "idempotency-key": batch.key },
  });
  const { data } = await askPatiently(request, { signal, onWait: told.waits });
  return data;
}
