// Tells users of screen readers what has changed, at most once in two seconds and never twice.
import { setText } from "./dom.js";

const PAUSE = 2_000;
let timer = null;
let next = "";

export function announce(text) {
  next = text;
  timer ??= setTimeout(() => {
    timer = null;
    setText(document.getElementById("spoken"), next);
  }, PAUSE);
}
