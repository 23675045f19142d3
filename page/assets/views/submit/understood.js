// What the server understood: counts, what is here already, and what was refused and why.
import { announce } from "../../core/announce.js";
import { h, setText } from "../../core/dom.js";
import { groupBy } from "../../core/group.js";
import { list, t, tOf } from "../../core/i18n.js";
import { textOfCode } from "../../core/problems.js";
import { browser } from "../../core/kept.js";

const NAMES = ["videos", "lists", "doubles", "stored", "refused"];
const MOST_SHOWN = 20;
const SKIPS = "skips_stored";

/** Returns its two parts; `chosen()` are the links that would be sent, `refused()` the others. */
export function understoodPart({ onChange }) {
  let found = null;
  const chips = NAMES.map((name) => h("li", { "data-count": name, class: "chip", hidden: true }));
  const counts = h("ul", { id: "understood", class: "chips", "aria-label": t("understood.label") }, chips);
  const skip = h("input", { type: "checkbox", id: "skip-stored", checked: browser.get(SKIPS) === true });
  const skipLabel = h("label", { class: "check", for: "skip-stored", hidden: true }, skip, h("span", {}));
  const refused = h("div", {});
  const details = h("div", { class: "understood-more" }, skipLabel, refused);
  const chosen = () => (found?.items ?? []).filter((item) => !skip.checked || !item.isStored);
  skip.addEventListener("change", () => { browser.set(SKIPS, skip.checked); onChange(chosen()); });

  const show = (next) => {
    found = next;
    counts.classList.remove("is-waiting");
    const counted = countsOf(found);
    chips.forEach((chip, index) => {
      const name = NAMES[index];
      const count = counted[name];
      chip.hidden = found === null || (count === 0 && name !== "videos");
      chip.dataset.n = count;
      setText(chip, tOf("understood", name, { n: count }));
    });
    skipLabel.hidden = counted.stored === 0;
    setText(skipLabel.lastElementChild, t("understood.skip", { n: counted.stored }));
    refused.replaceChildren(...(counted.refused > 0 ? [refusedList(found.refused)] : []));
    if (found) announce(list(chips.filter((chip) => !chip.hidden).map((chip) => chip.textContent)));
    onChange(chosen());
  };
  return { counts, details, chosen, refused: () => found?.refused ?? [], show, wait: () => counts.classList.add("is-waiting") };
}

function countsOf(found) {
  if (!found) return { videos: 0, lists: 0, doubles: 0, stored: 0, refused: 0 };
  const videos = found.items.filter((item) => item.kind === "video").length;
  return { videos, lists: found.items.length - videos, doubles: found.doubles, stored: found.stored, refused: found.refused.length };
}

/** The refused links, by reason. */
export function refusedList(links) {
  return h("details", { class: "refused" },
    h("summary", {}, t("understood.refused_title", { n: links.length })),
    groupBy(links, (link) => link.code).map(([code, some]) => h("div", { class: "refused-group", "data-reason": code },
      h("p", {}, textOfCode(code, some[0].detail)),
      h("ul", { class: "plain-list" }, some.slice(0, MOST_SHOWN).map((link) => h("li", {}, link.link)),
        some.length > MOST_SHOWN && h("li", {}, t("failures.more", { n: some.length - MOST_SHOWN }))))));
}
