// One request: its links as they are done, its failures to be tried again, and its removal.
import { go, hrefOf } from "../core/address.js";
import { ask } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { emptyBox, showIn } from "../core/notices.js";
import { isAbort, textOfCode } from "../core/problems.js";
import { may } from "../core/session.js";
import { failures } from "../links/failures.js";
import { follow, readAll } from "../links/follow.js";
import { LinkSet } from "../links/model.js";
import { progress } from "../links/progress.js";
import { retry } from "../links/retry.js";
import { tiles } from "../links/tiles.js";
import { confirmed } from "../parts/confirm.js";

export function view({ params, signal }) {
  const id = params.id ?? "";
  const title = t("request.title");
  const problem = h("div", {});
  const body = h("div", { class: "sent" });
  const remove = h("button", { type: "button", class: "danger", id: "delete", disabled: !may("admin"), onclick: () => removal({ id, problem, signal }) }, t("request.delete"));
  const section = h("section", { class: "request" },
    h("p", {}, h("a", { href: hrefOf("requests") }, `← ${t("requests.title")}`)),
    h("div", { class: "row-between" }, h("h1", {}, title), remove),
    h("p", { class: "muted mono one-line" }, id), problem, body);
  const load = async () => {
    const set = new LinkSet();
    set.add(id, []);
    try {
      await readAll(set, id, signal);
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      remove.hidden = true;
      body.replaceChildren(...(error.status === 410 || error.status === 400 ? [emptyBox(textOfCode(error.code, error.detail), "")] : []));
      if (error.status !== 410 && error.status !== 400) showIn(problem, error, load);
      return;
    }
    const onRetry = (keys) => retry(set, keys, { signal }).catch((error) => { if (!isAbort(error)) showIn(problem, error); });
    body.replaceChildren(progress(set, signal), failures(set, { signal, onRetry }), tiles(set, { signal, onRetry }));
    follow(set, { signal, onProblem: (found) => showIn(problem, found) }).catch((error) => { if (!isAbort(error) && !signal.aborted) showIn(problem, error); });
  };
  return { title, section, ready: load() };
}

async function removal({ id, problem, signal }) {
  if (!await confirmed(t("request.delete_title"), t("request.delete_text"), t("request.delete"))) return;
  try {
    await ask(`/links/${id}`, { method: "DELETE", signal });
    go(hrefOf("requests"));
  } catch (error) {
    if (!isAbort(error)) showIn(problem, error);
  }
}
