// Searches while a user types, but not in the middle of a syllable.
import { debounce } from "../../core/dom.js";

const TYPING_PAUSE = 220;
/** A consonant or vowel of Korean that is no syllable yet: 고양ㅇ becomes 고양이. */
const LONE_JAMO = /[\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\ud7b0-\ud7ff]$/u;

/** What is searched for when this has been typed. */
export const wordsOf = (typed) => typed.replace(LONE_JAMO, "").trim().replace(/\s+/gu, " ");

/** Calls `act(words)` when what is searched for has changed. */
export function searchAsTyped(input, act, signal) {
  let before = wordsOf(input.value);
  let isComposing = false;
  const look = () => {
    const words = wordsOf(input.value);
    if (words === before) return;
    before = words;
    act(words);
  };
  const later = debounce(look, TYPING_PAUSE, signal);
  input.addEventListener("compositionstart", () => { isComposing = true; later.cancel(); });
  input.addEventListener("compositionend", () => { isComposing = false; later(); });
  input.addEventListener("input", (event) => { if (!isComposing && !event.isComposing) later(); });
  // The cross of a search field, and Enter.
  input.addEventListener("search", () => { if (!isComposing) { later.cancel(); look(); } });
}
