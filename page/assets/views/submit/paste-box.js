// Where links are pasted, typed or dropped, and what the server understands of them.
import { debounce, h, setText } from "../../core/dom.js";
import { t } from "../../core/i18n.js";
import { tab } from "../../core/kept.js";
import { showIn } from "../../core/notices.js";
import { isAbort, textOf } from "../../core/problems.js";
import { textOfFiles } from "./files.js";
import { understand } from "./parse.js";
import { understoodPart } from "./understood.js";

const DRAFT = "draft";
const TYPING_PAUSE = 350;

/** Returns the form; `onSend(items, refused)` takes what is to be sent, and what was refused. */
export function pasteBox({ signal, onSend }) {
  const paste = h("textarea", { id: "paste", rows: 6, spellcheck: "false", autocomplete: "off", placeholder: t("submit.placeholder"), "aria-describedby": "paste-help" });
  paste.value = tab.get(DRAFT) ?? "";
  const file = h("input", { id: "file", type: "file", multiple: true, accept: ".txt,.csv,.json,.html,.htm,text/plain,text/csv,text/html,application/json", class: "unseen" });
  const send = h("button", { id: "send", type: "submit", class: "main", disabled: true }, t("submit.send_none"));
  const failed = h("div", {});
  const understood = understoodPart({ onChange: (items) => drawSend(send, items.length) });
  const reader = readerOf({ paste, failed, understood, signal });

  const submit = async (event) => {
    event?.preventDefault();
    await reader.settled();
    const items = understood.chosen();
    if (items.length === 0) return;
    send.disabled = true;
    onSend(items, understood.refused());
    paste.value = "";
    tab.set(DRAFT, null);
    understood.show(null);
    paste.focus();
  };
  const take = async (files) => {
    try {
      const text = await textOfFiles(files);
      paste.value = [paste.value.trimEnd(), text].filter(Boolean).join("\n");
      reader.read();
    } catch (error) {
      failed.replaceChildren(h("div", { class: "notice bad", role: "alert" }, h("p", {}, t("submit.bad_file", { name: error.message }))));
    }
  };
  paste.addEventListener("input", () => reader.later());
  paste.addEventListener("paste", () => setTimeout(reader.read));
  paste.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(); });
  file.addEventListener("change", async () => { await take(file.files); file.value = ""; });
  const form = h("form", { class: "paste-box", onsubmit: submit },
    h("label", { for: "paste", class: "unseen" }, t("submit.paste")),
    paste,
    h("p", { id: "paste-help", class: "unseen" }, t("submit.help")),
    h("div", { class: "paste-tools" },
      h("label", { class: "button quiet", for: "file" }, t("submit.file")), file, understood.counts, send),
    failed, understood.details);
  acceptDrops(form, take);
  if (paste.value) reader.read();
  return form;
}

/** Asks what is understood, a moment after the last change; an older question is cancelled. */
function readerOf({ paste, failed, understood, signal }) {
  let current = null;
  let work = Promise.resolve();
  const read = () => {
    current?.abort();
    later.cancel();
    current = new AbortController();
    tab.set(DRAFT, paste.value || null);
    work = readOnce(paste.value, AbortSignal.any([current.signal, signal]), { failed, understood, read });
    return work;
  };
  const later = debounce(read, TYPING_PAUSE, signal);
  // What was typed within the pause is read first.
  const settled = () => (later.isWaiting() ? read() : work);
  return { read, later, settled };
}

async function readOnce(text, signal, { failed, understood, read }) {
  if (!text.trim()) { showIn(failed, null); understood.show(null); return; }
  understood.wait();
  try {
    const onWait = (problem, seconds) => setText(waitingIn(failed), textOf(problem, seconds));
    const found = await understand(text, { signal, onWait });
    showIn(failed, null);
    understood.show(found);
  } catch (problem) {
    if (isAbort(problem) || signal.aborted) return;
    understood.show(null);
    showIn(failed, problem, read);
  }
}

function waitingIn(place) {
  if (!place.querySelector(".waiting")) place.replaceChildren(h("p", { class: "notice waiting", role: "status" }));
  return place.firstElementChild;
}

function drawSend(button, count) {
  button.disabled = count === 0;
  setText(button, count === 0 ? t("submit.send_none") : t("submit.send", { n: count }));
}

function acceptDrops(form, take) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  form.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    form.classList.add("is-over");
  });
  form.addEventListener("dragleave", (event) => { if (!form.contains(event.relatedTarget)) form.classList.remove("is-over"); });
  form.addEventListener("drop", (event) => {
    form.classList.remove("is-over");
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
}
