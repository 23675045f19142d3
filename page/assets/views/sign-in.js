// Asks for an API key where the server wants one, and goes on where the user was.
import { onUnauthorized } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { forget } from "../core/kept.js";
import { showIn } from "../core/notices.js";
import { textOfCode } from "../core/problems.js";
import { currentSession, onSession, signIn, signOut } from "../core/session.js";

let asked = null;
let again = () => {};

/** A request that needs a key waits for one; `redraw` draws the view again. */
export function startSignIn(redraw) {
  again = redraw;
  onUnauthorized(askForKey);
  const button = document.getElementById("sign-out");
  onSession((session) => {
    button.hidden = !session.signed_in;
    button.title = session.name ? t("session.as", { name: session.name }) : "";
  });
  button.addEventListener("click", async () => {
    await signOut();
    forget();
    location.reload();
  });
}

/** Asks for a key before the first view, where nothing can be done without one. */
export async function signInFirst() {
  const session = currentSession();
  if (session.keys_required && session.scopes.length === 0) await askForKey({ code: "no_key", detail: "" });
}

/** All requests that wait share one form. */
function askForKey(problem, signal) {
  asked ??= showForm(problem);
  // Another view may have been shown over it.
  if (!asked.section.isConnected) cover(asked.section);
  return new Promise((resolve, reject) => {
    asked.done.then(resolve, reject);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function showForm(problem) {
  const shown = { problem };
  const key = new Promise((resolve) => { shown.finish = resolve; });
  shown.section = form(problem, shown.finish);
  shown.done = key.then(() => {
    asked = null;
    shown.section.remove();
    const main = document.getElementById("main");
    for (const one of main.children) one.hidden = false;
    main.querySelector("h1")?.focus();
    // What was covered is still in the language before.
    if (shown.isRedrawn) again();
  });
  return shown;
}

/** Draws the form in another language; false if there is none. */
export function redrawSignIn() {
  if (!asked?.section.isConnected) return false;
  const section = form(asked.problem, asked.finish);
  section.querySelector("#key").value = asked.section.querySelector("#key").value;
  asked.section.replaceWith(section);
  Object.assign(asked, { section, isRedrawn: true });
  return true;
}

/** What is shown stays as it is, and is hidden. */
function cover(section) {
  const main = document.getElementById("main");
  for (const one of main.children) one.hidden = true;
  main.append(section);
  section.querySelector("#key").focus();
}

/** `finish()` is called once the user has signed in. */
function form(problem, finish) {
  const key = h("input", { id: "key", name: "key", type: "password", required: true, autocomplete: "current-password", spellcheck: "false", "aria-describedby": "key-help" });
  const failed = h("div", {});
  const button = h("button", { type: "submit", class: "main" }, t("session.sign_in"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    showIn(failed, null);
    try {
      await signIn(key.value.trim());
      finish();
    } catch (refused) {
      showIn(failed, refused);
      key.select();
    } finally {
      button.disabled = false;
    }
  };
  const why = textOfCode(problem.code, problem.detail);
  return h("section", { class: "sign-in", "data-view": "sign-in" },
    h("h1", { tabindex: "-1" }, t("session.title")),
    h("p", { class: "lead" }, why),
    h("form", { id: "sign-in", onsubmit: submit },
      // What a password manager keeps the key under.
      h("input", { type: "text", name: "username", value: location.host, autocomplete: "username", hidden: true }),
      h("label", { for: "key" }, t("session.key")), key,
      h("p", { id: "key-help", class: "hint" }, t("session.help")),
      failed, button));
}
