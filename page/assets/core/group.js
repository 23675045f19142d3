// Groups of things, the largest first.

/** Returns `[[key, things], …]`. */
export function groupBy(things, keyOf) {
  const groups = new Map();
  for (const thing of things) {
    const key = keyOf(thing);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(thing);
  }
  return [...groups].sort(([, one], [, other]) => other.length - one.length);
}
