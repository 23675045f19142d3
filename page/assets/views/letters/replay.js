// The replay of dead letters: a job of the server, whose progress is shown.
import { announce } from "../../core/announce.js";
import { askPatiently, get, post } from "../../core/api.js";
import { h, pause, setText, setVars } from "../../core/dom.js";
import { list, number, t, tOf } from "../../core/i18n.js";
import { showIn } from "../../core/notices.js";
import { isAbort } from "../../core/problems.js";
import { may } from "../../core/session.js";
import { canBeReplayed } from "./groups.js";

const LOOK_PAUSE = 1_000;
/** How many one replay may name. */
const MOST_IDS = 1_000;

const inParts = (ids) => Array.from({ length: Math.ceil(ids.length / MOST_IDS) }, (_, part) => ids.slice(part * MOST_IDS, (part + 1) * MOST_IDS));

/** Returns the part; `chosen` are ids of documents, `all()` is the body that asks for all. */
export function replayPart({ signal, chosen, all, onDone }) {
  const failed = h("div", {});
  const place = h("div", { id: "replay-progress", hidden: true });
  const button = h("button", { type: "button", id: "replay", class: "main", disabled: true, onclick: () => start() }, t("letters.replay_all"));
  let isRunning = false;
  let letters = [];

  const draw = (next = letters) => {
    letters = next;
    setText(button, chosen.size > 0 ? t("letters.replay_some", { n: chosen.size }) : t("letters.replay_all"));
    button.disabled = isRunning || !may("admin") || !(chosen.size > 0 || letters.some(canBeReplayed));
    button.title = may("admin") ? "" : t("problem.scope", { scope: "admin" });
  };
  const run = async (path) => {
    isRunning = true;
    draw();
    try {
      const job = await followed(path, place, signal);
      announce(summary(job));
    } finally {
      isRunning = false;
      draw();
    }
  };
  const guarded = async (act) => {
    showIn(failed, null);
    try { await act(); } catch (error) { if (!isAbort(error) && !signal.aborted) showIn(failed, error); }
  };
  const start = () => guarded(async () => {
    const bodies = chosen.size > 0 ? inParts([...chosen]).map((ids) => ({ ids })) : [all()];
    for (const body of bodies) await run(await begun(body, signal));
    // What was published has no outcome at once.
    await pause(LOOK_PAUSE, signal);
    onDone();
  });
  /** A replay that runs already is shown. */
  const begin = () => guarded(async () => {
    const { replays } = await get("/dlq/replays?limit=1", signal);
    if (replays[0]?.state === "running") guarded(() => run(`/dlq/replays/${replays[0].id}`));
  });
  return { element: h("div", { class: "replay" }, h("div", { class: "row" }, button), failed, place), draw, begin };
}

/** Begins a replay, and returns its path; while another one runs, that of the other. */
async function begun(body, signal) {
  try {
    const { data } = await askPatiently(() => post("/dlq/replay", body, { signal }), { signal });
    return data.status_url;
  } catch (problem) {
    if (problem.code !== "replay_running") throw problem;
    return problem.body.status_url;
  }
}

async function followed(path, place, signal) {
  for (;;) {
    const job = await askPatiently(() => get(path, signal), { signal });
    drawJob(place, job);
    if (job.state !== "running") return job;
    await pause(LOOK_PAUSE, signal);
  }
}

function drawJob(place, job) {
  const fill = h("i", {});
  const total = job.total ?? 0;
  const share = job.state === "done" ? 1 : total > 0 ? job.done / total : 0;
  setVars(fill, { width: `${share * 100}%` });
  place.hidden = false;
  place.dataset.state = job.state;
  place.replaceChildren(
    h("div", { class: "bar-of", role: "progressbar", "aria-label": t("letters.progress"), "aria-valuemin": 0, "aria-valuemax": Math.max(total, 1), "aria-valuenow": job.state === "done" ? Math.max(total, 1) : job.done }, fill),
    h("p", { class: job.state === "failed" ? "bad-text" : "" }, summary(job)));
}

function summary(job) {
  const skipped = Object.entries(job.counts ?? {}).filter(([name, count]) => name !== "replayed" && count > 0);
  const words = [t("letters.replayed", { n: job.counts?.replayed ?? 0 }), ...skipped.map(([name, count]) => `${tOf("skipped", name)}: ${number(count)}`)];
  return [tOf("job", job.state), list(words), job.error].filter(Boolean).join(" – ");
}
