import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";

export function view() {
  const title = t("request.title");
  return { title, section: h("section", {}, h("h1", {}, title)) };
}
