// Links that were given up, grouped by the reason, and their replay.
import { hrefOf, replaceAddress } from "../../core/address.js";
import { get, withQuery } from "../../core/api.js";
import { h } from "../../core/dom.js";
import { t, tOf } from "../../core/i18n.js";
import { emptyBox, showIn } from "../../core/notices.js";
import { isAbort } from "../../core/problems.js";
import { groupsOf, groupPart } from "./groups.js";
import { replayPart } from "./replay.js";

const PAGE = 500;
const CLASSES = ["", "transient", "throttled", "permanent", "malformed"];

export function view({ params, signal }) {
  const title = t("letters.title");
  const failed = h("div", {});
  const body = h("div", { class: "groups" });
  const chosen = new Set();
  let letters = [];
  let next = null;
  const of = (name) => CLASSES.includes(name ?? "") ? name ?? "" : "";
  const filter = h("select", { id: "filter-class", onchange: () => { replaceAddress(hrefOf("letters", { class: filter.value })); begin(); } },
    CLASSES.map((name) => h("option", { value: name, selected: name === of(params.class) }, name ? tOf("class", name) : t("letters.all_classes"))));
  const replay = replayPart({ signal, chosen, all: () => ({ ...(filter.value ? { classes: [filter.value] } : { all: true }) }), onDone: () => begin() });
  const more = h("button", { type: "button", id: "more", class: "quiet", hidden: true, onclick: () => read() }, t("action.more"));

  const draw = () => {
    const onChange = () => replay.draw(letters);
    const groups = groupsOf(letters);
    body.replaceChildren(...groups.map((group) => groupPart(group, { chosen, onChange })));
    if (groups.length === 0 && next === null) body.append(emptyBox(t("letters.empty"), t("letters.empty_help")));
    more.hidden = next === null;
    onChange();
  };
  const read = async () => {
    try {
      const before = letters.length;
      while (next && letters.length === before) {
        const page = await get(next, signal);
        letters = [...letters, ...page.letters];
        next = page.next ?? null;
        
      }
      showIn(failed, null);
      draw();
    } catch (error) {
      if (!isAbort(error) && !signal.aborted) showIn(failed, error, read);
    }
  };
  const begin = () => {
    letters = [];
    chosen.clear();
    next = withQuery("/dlq", { limit: PAGE, class: filter.value });
    return read();
  };
  const section = h("section", { class: "letters" },
    h("div", { class: "row-between" }, h("div", {}, h("h1", {}, title), h("p", { class: "lead" }, t("letters.lead"))),
      h("label", { class: "filter" }, h("span", { class: "unseen" }, t("letters.class")), filter)),
    replay.element, failed, body, h("div", { class: "list-end" }, more));
  return { title, section, ready: Promise.all([begin(), replay.begin()]) };
}
