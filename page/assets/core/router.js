// The view that the address names (`?view=library&q=…`), moved by the History API.
import { MOVED, go, keepPlace, keepState, paramsOf } from "./address.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { problemBox } from "./notices.js";
import { isAbort } from "./problems.js";

const VIEWS = {
  submit: () => import("../views/submit/view.js"),
  library: () => import("../views/library/view.js"),
  video: () => import("../views/video.js"),
  requests: () => import("../views/requests.js"),
  request: () => import("../views/request.js"),
  letters: () => import("../views/letters/view.js"),
  health: () => import("../views/health/view.js"),
};
/** The tab that is current while another view is shown. */
const TABS = { video: "library", request: "requests" };
const DEFAULT = "submit";

let shown = new AbortController();

const nameOf = (params) => (Object.hasOwn(VIEWS, params.view ?? "") ? params.view : DEFAULT);

/** Draws the view again, in another language or for another user. */
export function refresh() { keepPlace(); show({ movesFocus: false }); }

export function start() {
  history.scrollRestoration = "manual";
  addEventListener(MOVED, () => show({ isNew: true }));
  addEventListener("popstate", () => show());
  addEventListener("pagehide", keepPlace);
  let timer;
  addEventListener("scroll", () => { clearTimeout(timer); timer = setTimeout(keepPlace, 200); }, { passive: true });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='?'], a[href='#main']");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    // An address with a fragment would be another entry of the history.
    if (link.hash) document.getElementById("main").focus();
    else go(link.getAttribute("href"));
  });
  show({ movesFocus: false });
}

/** A view makes its section; what it awaits ends with `signal`, when another one is shown. */
async function show({ isNew = false, movesFocus = true } = {}) {
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  const params = paramsOf();
  const name = nameOf(params);
  // Where the user was, before the empty view lets the browser scroll up.
  const place = isNew ? {} : { ...history.state };
  markTab(TABS[name] ?? name);
  try {
    const { view } = await loaded(name);
    if (signal.aborted) return;
    const { title, section, ready } = view({ params, signal, place });
    section.dataset.view = name;
    document.title = `${title} · linkrelay`;
    document.getElementById("main").replaceChildren(section);
    if (isNew) scrollTo(0, 0);
    if (movesFocus) focusHeading(section);
    await ready;
    if (!signal.aborted && place.y && !place.keepsPlace) scrollTo(0, place.y);
  } catch (error) {
    if (!isAbort(error) && !signal.aborted) showFailure(error, name);
  }
}

/** The files of an older page are gone after an update of the server: the page is loaded again, once. */
async function loaded(name) {
  try {
    return await VIEWS[name]();
  } catch (error) {
    if (history.state?.isAgain) throw error;
    keepState({ isAgain: true });
    location.reload();
    return new Promise(() => {});
  }
}

function markTab(name) {
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function focusHeading(section) {
  const heading = section.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

function showFailure(error, name) {
  console.error(error);
  const section = h("section", { "data-view": name }, h("h1", {}, t("shell.failed")), problemBox(error, refresh));
  document.getElementById("main").replaceChildren(section);
}
