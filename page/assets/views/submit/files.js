// Reads dropped files into text: lists of links, tables, JSON, and bookmarks that browsers export.

const MOST_BYTES = 20_000_000;

/** Returns the text of the files, a line for each link where the file says where links are. */
export async function textOfFiles(files) {
  const texts = [];
  for (const file of files) {
    if (file.size > MOST_BYTES) throw new RangeError(file.name);
    texts.push(textOf(file.name, await file.text()));
  }
  return texts.filter(Boolean).join("\n");
}

function textOf(name, text) {
  if (/\.html?$/i.test(name) || /^\s*<!doctype/i.test(text)) return linksOfPage(text);
  if (/\.json$/i.test(name)) return textsOfJson(text);
  return text;
}

/** The document is only read: nothing in it is loaded or run. */
function linksOfPage(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  return [...page.querySelectorAll("a[href]")].map((link) => link.getAttribute("href")).join("\n");
}

/** Every text in the values that has an address in it; the file as it is, if it is no JSON. */
function textsOfJson(text) {
  let root;
  try { root = JSON.parse(text); } catch { return text; }
  const texts = [];
  const left = [root];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === "string") { if (/[./]/.test(value)) texts.push(value); }
    else if (value && typeof value === "object") left.push(...Object.values(value).reverse());
  }
  return texts.join("\n");
}
