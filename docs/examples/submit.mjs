// Submits links to linkrelay, and tries again with the same Idempotency-Key until Kafka has them.
//
//   node submit.mjs URL LINK...      exit code 0: all accepted, 1: some rejected
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** Returns the first answer that is not a 503. */
async function submit(url, links, key, tries = 6) {
  for (let attempt = 0; ; attempt += 1) {
    let pause = 2 ** attempt;
    try {
      const response = await fetch(`${url}/links/send-message-kafka`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "idempotency-key": key,
          "x-api-key": process.env.LINKRELAY_API_KEY ?? "",
        },
        body: JSON.stringify({ links }),
      });
      if (response.status !== 503 || attempt === tries - 1) {
        return { status: response.status, answer: await response.json() };
      }
      pause = Number(response.headers.get("retry-after") ?? pause);
    } catch (error) {
      // fetch fails only if there is no answer at all.
      if (attempt === tries - 1) throw error;
    }
    await sleep(pause * 1000);
  }
}

const [url, ...links] = process.argv.slice(2);
// One key for all tries of this submission: no link gets a second document.
const { status, answer } = await submit(url, links, process.env.IDEMPOTENCY_KEY ?? randomUUID());
if (status === 201 || status === 207) {
  console.log(`${answer.accepted} links accepted: ${url}${answer.status_url}`);
} else {
  console.log(`${status}: ${answer.detail}`);
}
for (const result of (answer.results ?? []).filter(({ status }) => status === "rejected")) {
  console.log(`rejected: ${result.link}: ${result.error.message} (${result.error.code})`);
}
process.exitCode = status === 201 ? 0 : 1;
