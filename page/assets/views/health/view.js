// How the server is: what is wrong, in words; who works; what waits; and the last hour as plots.
import { get, send } from "../../core/api.js";
import { h, pause } from "../../core/dom.js";
import { clock, t, tOf } from "../../core/i18n.js";
import { problemBox } from "../../core/notices.js";
import { isAbort } from "../../core/problems.js";
import { lagPart } from "./lag.js";
import { partsPart } from "./parts.js";
import { plotsPart } from "./plots.js";
import { processesPart } from "./processes.js";

const BETWEEN = 5_000;

/** Each asks for its own data, so that one that fails costs no other. */
const BOXES = [
  { key: "parts", ask: readiness, draw: partsPart },
  { key: "history", ask: (signal) => get("/history", signal), draw: plotsPart },
  { key: "processes", ask: (signal) => get("/processes", signal), draw: processesPart },
  { key: "lag", ask: (signal) => get("/lag", signal), draw: lagPart },
];

export function view({ signal }) {
  const title = t("health.title");
  const asOf = h("p", { class: "muted" });
  const places = BOXES.map(() => h("div", { class: "health-body" }));
  const section = h("section", { class: "health" },
    h("div", { class: "row-between" }, h("h1", {}, title), asOf),
    BOXES.map(({ key }, index) => h("section", { class: "panel", "aria-labelledby": `health-${key}` },
      h("h2", { id: `health-${key}` }, tOf("health", key)), places[index])));
  const look = async () => {
    await Promise.all(BOXES.map((box, index) => drawBox(box, places[index], signal)));
    if (!signal.aborted) asOf.textContent = t("health.as_of", { time: clock(new Date().toISOString()) });
  };
  const again = async () => {
    for (;;) {
      await pause(BETWEEN, signal);
      if (document.visibilityState === "visible") await look();
    }
  };
  const ready = look();
  ready.then(again).catch(() => { /* The user has gone elsewhere. */ });
  return { title, section, ready };
}

/** Draws only what has changed, so that a screen reader says nothing twice. */
async function drawBox({ ask, draw }, place, signal) {
  let drawn;
  try {
    const data = await ask(signal);
    drawn = { is: JSON.stringify(data), make: () => [draw(data)].flat() };
  } catch (error) {
    if (isAbort(error)) return;
    drawn = { is: `${error.code} ${error.detail}`, make: () => [problemBox(error)] };
  }
  // What has the focus stays where it is.
  if (signal.aborted || place.shows === drawn.is || place.contains(document.activeElement)) return;
  place.shows = drawn.is;
  place.replaceChildren(...drawn.make());
}

/** A server that is not ready says why, with 503. */
async function readiness(signal) {
  const response = await send("/health/ready", { signal });
  return response.json();
}
