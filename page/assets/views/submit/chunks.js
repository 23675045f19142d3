// Cuts a long text into pieces that one request may have, between lines, or else between words.

const MOST_LETTERS = 60_000;
const MOST_WORDS = 900;

/** Returns the pieces of a text. */
export function chunksOf(text) {
  const chunks = [];
  let lines = [];
  let letters = 0;
  let words = 0;
  const end = () => {
    const chunk = lines.join("\n");
    if (chunk.trim()) chunks.push(chunk);
    lines = []; letters = 0; words = 0;
  };
  for (const line of text.split(/\r\n|\r|\n/)) {
    const more = line.split(/[\s,;]+/).length;
    if (lines.length > 0 && (letters + line.length > MOST_LETTERS || words + more > MOST_WORDS)) end();
    lines.push(line);
    letters += line.length;
    words += more;
  }
  end();
  return chunks;
}

/** Returns two halves of a piece that was too much; one that cannot be cut is null. */
export function halvesOf(chunk) {
  for (const between of [/\n/g, /[\s,;]/g]) {
    const places = [...chunk.matchAll(between)].map((match) => match.index);
    const middle = places.filter((place) => place > 0).at(Math.floor((places.length - 1) / 2));
    if (middle !== undefined) {
      const halves = [chunk.slice(0, middle), chunk.slice(middle + 1)];
      if (halves.every((half) => half.trim())) return halves;
    }
  }
  return null;
}
