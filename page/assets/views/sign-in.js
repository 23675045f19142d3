// Asks for an API key where the server wants one, and goes on where the user was.
import { onUnauthorized } from "../core/api.js";
import { h } from "../core/dom.js";
import { t } from "../core/i18n.js";
import { showIn } from "../core/notices.js";
import { textOfCode } from "../core/problems.js";
import { currentSession, onSession, signIn, signOut } from "../core/session.js";

let asked = null;

/** From now on, a request that needs a key waits for one. */
export function startSignIn() {
  onUnauthorized(askForKey);
  const button = document.getElementById("sign-out");
  onSession((session) => {
    button.hidden = !session.signed_in;
    button.title = session.name ? t("session.as", { name: session.name }) : "";
  });
  button.addEventListener("click", async () => {
    await signOut();
    // What was shown belongs to the key.
    sessionStorage.clear();
    location.reload();
  });
}

/** Asks for a key before the first view, where nothing can be done without one. */
export async function signInFirst() {
  const session = currentSession();
  if (session.keys_required && session.scopes.length === 0) await askForKey({ code: "no_key" });
}

/** All requests that wait share one form. */
function askForKey(problem, signal) {
  asked ??= showForm(problem).finally(() => { asked = null; });
  return new Promise((resolve, reject) => {
    asked.then(resolve, reject);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

function showForm(problem) {
  const main = document.getElementById("main");
  const covered = [...main.children].filter((section) => !section.hidden);
  const { section, done } = form(problem);
  for (const one of covered) one.hidden = true;
  main.append(section);
  section.querySelector("#key").focus();
  return done.then(() => {
    section.remove();
    for (const one of covered) one.hidden = false;
    main.querySelector("h1")?.focus();
  });
}

function form(problem) {
  const key = h("input", { id: "key", name: "key", type: "password", required: true, autocomplete: "current-password", spellcheck: "false", "aria-describedby": "key-help" });
  const failed = h("div", {});
  const button = h("button", { type: "submit", class: "main" }, t("session.sign_in"));
  let finish;
  const done = new Promise((resolve) => { finish = resolve; });
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    showIn(failed, null);
    try {
      await signIn(key.value.trim());
      finish(currentSession());
    } catch (refused) {
      showIn(failed, refused);
      key.select();
    } finally {
      button.disabled = false;
    }
  };
  const why = textOfCode(problem.code, problem.detail);
  const section = h("section", { class: "sign-in", "data-view": "sign-in" },
    h("h1", { tabindex: "-1" }, t("session.title")),
    h("p", { class: "lead" }, why),
    h("form", { id: "sign-in", onsubmit: submit },
      h("label", { for: "key" }, t("session.key")), key,
      h("p", { id: "key-help", class: "hint" }, t("session.help")),
      failed, button));
  return { section, done };
}
