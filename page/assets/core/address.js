// The address of the page, and what the browser keeps with each entry of its history.

/** The event that says that the user goes to another view. */
export const MOVED = "linkrelay:moved";

/** The event before that, while the view is still there. */
export const LEAVING = "linkrelay:leaving";

/** What the address says: `{ view, q, … }`. */
export const paramsOf = () => Object.fromEntries(new URLSearchParams(location.search));

/** The address of a view. */
export function hrefOf(view, params = {}) {
  const pairs = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return `?${new URLSearchParams([["view", view], ...pairs])}`;
}

/** Goes to another view. */
export function go(href) {
  dispatchEvent(new Event(LEAVING));
  keepPlace();
  history.pushState({}, "", href);
  dispatchEvent(new Event(MOVED));
}

/** Changes the address of the view that is shown, which stays as it is. */
export function replaceAddress(href) { history.replaceState(history.state, "", href); }

/** Keeps something with this entry of the history. */
export function keepState(values) { history.replaceState({ ...history.state, ...values }, ""); }

/** Keeps how far the user has scrolled. */
export function keepPlace() { keepState({ y: Math.round(scrollY) }); }
