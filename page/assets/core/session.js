// Who the user is for the server, and what their key allows.
import { ask, send } from "./api.js";
import { Problem } from "./problems.js";

const EVERYONE = { keys_required: false, signed_in: false, name: null, scopes: ["submit", "read", "admin"], expires_at: null };
let session = EVERYONE;
const listeners = new Set();

export const currentSession = () => session;
export const may = (scope) => session.scopes.includes(scope);

/** Calls `act` with each session. */
export function onSession(act) { listeners.add(act); }

function set(next) {
  session = next;
  for (const act of listeners) act(session);
}

/** Asks the server for the session; a cookie that has expired is no session. */
export async function startSession() {
  try {
    set((await ask("/session", { signsIn: true })).data);
  } catch (problem) {
    // A server without keys may not know the route; one that does not answer says so to the view.
    const isLost = problem instanceof Problem && problem.status === 401;
    set(isLost ? { ...EVERYONE, keys_required: true, scopes: [] } : EVERYONE);
  }
}

/** @throws {Problem} if the key is not known. */
export async function signIn(key) {
  set((await ask("/session", { method: "POST", json: { key }, signsIn: true })).data);
}

export async function signOut() {
  await send("/session", { method: "DELETE" });
  set({ ...EVERYONE, keys_required: true, scopes: [] });
}
