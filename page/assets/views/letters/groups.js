// Dead letters by their reason, each to be chosen alone or with its group.
import { hrefOf } from "../../core/address.js";
import { h } from "../../core/dom.js";
import { groupBy } from "../../core/group.js";
import { ago, number, t, tOf, time } from "../../core/i18n.js";
import { textOfCode } from "../../core/problems.js";
import { shortOf } from "../../parts/short.js";

const MOST_SHOWN = 100;
/** What a replay would publish. */
const CAN_BE_REPLAYED = new Set(["waiting", null]);

export const canBeReplayed = (letter) => CAN_BE_REPLAYED.has(letter.state) && Boolean(letter.document_id);

/** Groups, the largest first: `{ code, class, letters }`. */
export function groupsOf(letters) {
  const groups = groupBy(letters, (letter) => `${letter.class ?? ""} ${letter.code ?? ""}`);
  return groups.map(([, some]) => ({ code: some[0].code ?? "", class: some[0].class, letters: some }));
}

export function groupPart(group, { chosen, onChange }) {
  const ids = group.letters.filter(canBeReplayed).map((letter) => letter.document_id);
  const boxes = [];
  const whole = h("input", { type: "checkbox", disabled: ids.length === 0, "aria-label": t("letters.choose_group"), onchange: () => {
    for (const id of ids) { if (whole.checked) chosen.add(id); else chosen.delete(id); }
    for (const box of boxes) box.checked = chosen.has(box.value);
    onChange();
  } });
  const follow = () => {
    const count = ids.filter((id) => chosen.has(id)).length;
    whole.checked = ids.length > 0 && count === ids.length;
    whole.indeterminate = count > 0 && count < ids.length;
    onChange();
  };
  const shown = group.letters.slice(0, MOST_SHOWN);
  return h("div", { class: "group", "data-reason": group.code || group.class },
    h("div", { class: "row group-head" }, whole, h("h2", {}, titleOf(group)),
      h("span", { class: "badge" }, number(group.letters.length)), group.class && h("span", { class: "badge" }, tOf("class", group.class))),
    h("ul", { class: "letter-list" }, shown.map((letter) => letterRow(letter, { chosen, boxes, follow }))),
    group.letters.length > shown.length && h("p", { class: "hint" }, t("failures.more", { n: group.letters.length - shown.length })));
}

const titleOf = (group) => group.code ? textOfCode(group.code, group.letters[0].error) : group.letters[0].error ?? tOf("class", group.class);

function letterRow(letter, { chosen, boxes, follow }) {
  const isFree = canBeReplayed(letter);
  const box = h("input", { type: "checkbox", value: letter.document_id ?? "", disabled: !isFree, checked: chosen.has(letter.document_id), "aria-label": t("letters.choose", { link: letter.link ?? letter.raw ?? "" }), onchange: () => {
    if (box.checked) chosen.add(letter.document_id); else chosen.delete(letter.document_id);
    follow();
  } });
  if (isFree) boxes.push(box);
  const name = shortOf(letter.link) || letter.raw || letter.origin;
  return h("li", { "data-letter": letter.document_id ?? letter.origin, "data-state": letter.state }, box,
    h("div", { class: "letter-text" },
      letter.video_id ? h("a", { href: hrefOf("video", { id: letter.video_id }) }, name) : h("span", {}, name),
      h("p", { class: "hint" }, letter.error)),
    h("div", { class: "letter-more" },
      letter.state && letter.state !== "waiting" ? h("span", { class: "badge" }, tOf("state", letter.state)) : null,
      h("time", { class: "hint", datetime: letter.failed_at, title: time(letter.failed_at) }, ago(letter.failed_at))));
}
