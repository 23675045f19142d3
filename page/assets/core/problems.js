// What went wrong, in the words of the user's language.
import { fine, has, t, tOf } from "./i18n.js";

/** An answer that is an error, or no answer at all (`offline`). */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = null) {
    super(body.detail ?? body.code ?? String(status));
    this.status = status;
    this.code = body.code ?? (status === 0 ? "offline" : "internal_error");
    this.detail = body.detail ?? "";
    this.retryAfter = retryAfter;
    this.body = body;
  }

  /** Whether the same request may succeed later. */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status === 503 || this.status === 504 || this.status === 502;
  }
}

/** The text of a code; what the server said itself where the page has no text. */
export function textOfCode(code, detail = "") {
  return has(`problem.${code}`) ? tOf("problem", code) : detail || code;
}

/** The text of what was caught, and after how many seconds it is tried again. */
export function textOf(problem, seconds = null) {
  if (!(problem instanceof Problem)) return t("problem.internal_error");
  if (problem.code === "insufficient_scope") {
    const { scope } = problem.body;
    return scope ? t("problem.scope", { scope }) : t("problem.insufficient_scope");
  }
  const text = textOfCode(problem.code, problem.detail);
  return seconds === null ? text : `${text} ${t("problem.again_in", { seconds: fine(seconds) })}`;
}

/** Whether it only says that the user went elsewhere. */
export const isAbort = (error) => error?.name === "AbortError";
