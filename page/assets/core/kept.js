// What the browser keeps for us. A browser may refuse: then nothing is kept, and all else works.

function keeper(storage) {
  const of = (name) => `linkrelay.${name}`;
  return {
    get(name) {
      try { return JSON.parse(storage().getItem(of(name))); } catch { return null; }
    },
    /** Returns whether it is kept. */
    set(name, value) {
      try {
        if (value === null || value === undefined) storage().removeItem(of(name));
        else storage().setItem(of(name), JSON.stringify(value));
        return true;
      } catch { return false; }
    },
  };
}

const LOOKS = new Set(["linkrelay.theme", "linkrelay.language", "linkrelay.layout"]);

/** For this tab, until it is closed. */
export const tab = keeper(() => sessionStorage);
/** For all tabs of this browser. */
export const browser = keeper(() => localStorage);

/** A plain text, which boot.js reads before any module. */
export function keepText(name, text) {
  try { localStorage.setItem(`linkrelay.${name}`, text); } catch { /* It holds for this page only. */ }
}
export function keptText(name) {
  try { return localStorage.getItem(`linkrelay.${name}`); } catch { return null; }
}

/** Removes what belongs to one user: all but how the page looks. */
export function forget() {
  for (const storage of [() => sessionStorage, () => localStorage]) {
    try {
      for (const name of Object.keys(storage())) {
        if (name.startsWith("linkrelay.") && !LOOKS.has(name)) storage().removeItem(name);
      }
    } catch { /* Nothing is kept. */ }
  }
}
