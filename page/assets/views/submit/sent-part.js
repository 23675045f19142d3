// What was sent, as it arrives. It goes on where it was after a reload, and in a tab that is opened
// again after it was closed in the middle.
import { h, setText } from "../../core/dom.js";
import { t } from "../../core/i18n.js";
import { tab } from "../../core/kept.js";
import { showIn } from "../../core/notices.js";
import { isAbort, textOf } from "../../core/problems.js";
import { may } from "../../core/session.js";
import { failures } from "../../links/failures.js";
import { follow } from "../../links/follow.js";
import { LinkSet } from "../../links/model.js";
import { progress } from "../../links/progress.js";
import { retry } from "../../links/retry.js";
import { tiles } from "../../links/tiles.js";
import * as outbox from "./outbox.js";
import { isSending, sendAll } from "./sender.js";
import { refusedList } from "./understood.js";

const SENT = "sent";

/** Outlives the view: the user may look at something else meanwhile. */
let sent = null;
let onSent = () => {};

function restored() {
  const set = new LinkSet();
  for (const id of tab.get(SENT) ?? []) set.add(id);
  return set;
}

/** Returns the part, with `send(items, refused)`, and `begin()`, which goes on with what is not finished. */
export function sentPart(signal) {
  sent ??= restored();
  const place = h("section", { id: "sent", class: "sent", hidden: true, "aria-labelledby": "sent-title" });
  const sending = h("p", { class: "notice waiting", role: "status", hidden: true });
  const failed = h("div", {});
  const refused = h("div", {});
  const element = h("div", { class: "sent-all" }, sending, failed, refused, place);
  const told = {
    accepted: (id, items) => {
      sending.hidden = true;
      sent.add(id, items);
      tab.set(SENT, [...sent.requests.keys()]);
      onSent();
    },
    refused: (results) => refused.append(refusedList(results.map(({ link, error }) => ({ link, code: error?.code, detail: error?.message })))),
    waits: (problem, seconds) => {
      sending.hidden = false;
      setText(sending, `${t("sent.waits")} ${textOf(problem, seconds)}`);
    },
  };
  const deliver = async () => {
    showIn(failed, null);
    try {
      await sendAll(told);
    } catch (problem) {
      if (!isAbort(problem)) showUnsent(failed, problem, deliver);
    } finally {
      sending.hidden = true;
    }
  };
  const show = shower(place, signal);
  onSent = show;
  const send = (items, refusedBefore) => {
    if (isFinished(sent)) { sent = new LinkSet(); show.again(); }
    refused.replaceChildren(...(refusedBefore.length > 0 ? [refusedList(refusedBefore)] : []));
    outbox.add(items);
    deliver();
  };
  const begin = async () => {
    if (sent.requests.size > 0) show();
    if (outbox.batches().length > 0) deliver();
  };
  return { element, send, begin };
}

const isFinished = (set) => !isSending() && [...set.requests.values()].every((request) => request.isDone);

/** Draws the set once there is something in it, and follows it while it is shown. */
function shower(place, signal) {
  let drawn = null;
  let following = null;
  let stop = new AbortController();
  const problem = h("div", {});
  const draw = () => {
    const set = drawn;
    const onRetry = (keys) => retry(set, keys, { signal }).catch((error) => { if (!isAbort(error)) showIn(problem, error); });
    place.hidden = false;
    const heading = h("h2", { id: "sent-title" });
    const drawHeading = () => setText(heading, t(set.totals().pending > 0 ? "sent.title" : "sent.title_done"));
    drawHeading();
    set.onChange(drawHeading, signal);
    place.replaceChildren(
      h("div", { class: "row-between" }, heading,
        h("button", { type: "button", class: "quiet", onclick: forget }, t("sent.forget"))),
      progress(set, signal), problem, failures(set, { signal, onRetry }), tiles(set, { signal, onRetry }));
  };
  const forget = () => {
    sent = new LinkSet();
    tab.set(SENT, null);
    show.again();
    document.getElementById("paste")?.focus();
  };
  const show = () => {
    if (drawn !== sent) { drawn = sent; draw(); }
    if (following || !may("read")) { if (!may("read")) problem.replaceChildren(h("p", { class: "notice" }, t("sent.no_read"))); return; }
    const both = AbortSignal.any([signal, stop.signal]);
    following = follow(drawn, { signal: both, onProblem: (found) => showIn(problem, found) })
      .catch((error) => { if (!isAbort(error) && !both.aborted) showIn(problem, error); })
      .finally(() => { if (!both.aborted) following = null; });
  };
  show.again = () => {
    stop.abort();
    stop = new AbortController();
    drawn = following = null;
    place.hidden = true;
    place.replaceChildren();
  };
  return show;
}

/** A batch that the server does not take stays, until the user says what to do. */
function showUnsent(place, problem, again) {
  showIn(place, problem, again);
  const discard = () => { outbox.clear(); showIn(place, null); };
  place.querySelector(".notice").append(
    h("button", { type: "button", class: "quiet", onclick: discard }, t("sent.discard")));
}
