// The library: every video once, searched as you type, in an endless list that comes back to where
// it was.
import { hrefOf, replaceAddress } from "../../core/address.js";
import { withQuery } from "../../core/api.js";
import { h } from "../../core/dom.js";
import { t, tOf } from "../../core/i18n.js";
import { browser } from "../../core/kept.js";
import { chosenElsewhere, filterBar, filtersOf } from "./filters.js";
import { VideoList } from "./list.js";
import { searchAsTyped } from "./search.js";

const LAYOUT = "layout";

export function view({ params, signal, place }) {
  const title = t("library.title");
  const search = h("input", { id: "search", type: "search", value: params.q ?? "", placeholder: t("library.search"), autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  const filters = h("div", { class: "filters" });
  const elsewhere = h("div", {});
  const count = h("p", { class: "muted", id: "found" });
  const exports = ["csv", "ndjson"].map((format) => h("a", { class: "button quiet small-text", download: true, id: format === "csv" ? "export" : "export-ndjson" }, tOf("library", `export_${format}`)));
  const list = new VideoList({ signal, count });
  let current = filtersOf(params);

  const draw = () => {
    elsewhere.replaceChildren(...[chosenElsewhere(current, list.channelName(), change)].filter(Boolean));
    exports[0].href = withQuery("/export", { ...current, format: "csv", bom: true });
    exports[1].href = withQuery("/export", { ...current, format: "ndjson" });
  };
  const change = (values) => {
    current = filtersOf({ ...current, ...Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value || null])) });
    replaceAddress(hrefOf("library", current));
    draw();
    list.load(current);
  };
  filters.append(...filterBar(current, change, signal));
  searchAsTyped(search, (q) => change({ q }), signal);
  draw();

  const section = h("section", { class: "library" },
    h("div", { class: "row-between" }, h("div", { class: "row heading" }, h("h1", {}, title), count), h("div", { class: "row" }, exports, layoutChoice(list))),
    h("form", { role: "search", class: "search-bar", onsubmit: (event) => event.preventDefault() },
      h("label", { for: "search", class: "unseen" }, t("library.search")), search, filters),
    elsewhere, list.element);
  return { title, section, ready: list.load(current, place.list).then(draw) };
}

function layoutChoice(list) {
  const chosen = browser.get(LAYOUT) === "rows" ? "rows" : "cards";
  const select = h("select", { id: "layout", onchange: () => { browser.set(LAYOUT, select.value); list.setLayout(select.value); } },
    ["cards", "rows"].map((value) => h("option", { value, selected: value === chosen }, tOf("layout", value))));
  list.setLayout(chosen);
  return h("label", { class: "filter" }, h("span", { class: "unseen" }, t("layout.label")), select);
}
