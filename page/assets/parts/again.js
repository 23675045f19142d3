// A button that asks YouTube again about one video.
import { hrefOf } from "../core/address.js";
import { askPatiently, post } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { isAbort, textOf } from "../core/problems.js";
import { may } from "../core/session.js";

export function requestAgain(id, signal) {
  const place = h("span", { role: "status" });
  const button = h("button", { type: "button", disabled: !may("submit"), onclick: async () => {
    button.disabled = true;
    try {
      const links = [`https://www.youtube.com/watch?v=${id}`];
      const { data } = await askPatiently(() => post("/links/send-message-kafka", { links, force: true }, { signal }), { signal });
      place.replaceChildren(h("a", { href: hrefOf("request", { id: data.id }) }, t("video.asked")));
    } catch (error) {
      if (!isAbort(error)) place.replaceChildren(textOf(error));
      button.disabled = false;
    }
  } }, t("video.ask_again"));
  return [button, place];
}
