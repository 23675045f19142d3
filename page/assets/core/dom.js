// Makes elements. Text is always text: nothing here reads HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element: `h("a", { href: "?view=library" }, "Library")`. An attribute that is false or
 * null is left out; a function is a listener (`onclick`); `vars` are properties of the style.
 */
export function h(name, attributes, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for a drawing. */
export function svg(name, attributes, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "vars") setVars(element, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Sets properties of an element's style, which a policy without inline styles allows. */
export function setVars(element, vars) {
  for (const [name, value] of Object.entries(vars)) element.style.setProperty(name, value);
}

/** Sets a text only if it is another one, so that nothing is announced or painted twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Returns a function that calls `act` once nothing has asked for it for some milliseconds. */
export function debounce(act, milliseconds, signal) {
  let timer = null;
  const cancel = () => { clearTimeout(timer); timer = null; };
  signal?.addEventListener("abort", cancel);
  const later = () => {
    cancel();
    timer = setTimeout(() => { timer = null; act(); }, milliseconds);
  };
  return Object.assign(later, { cancel, isWaiting: () => timer !== null });
}

/** Resolves after some milliseconds, or rejects when the signal aborts. */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) { reject(signal.reason); return; }
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
