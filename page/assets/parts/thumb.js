// The picture of a video: from our server, over one that is drawn of the video's id.
import { h, svg } from "../core/dom.js";
import { length } from "../core/i18n.js";

/** Pictures that the server does not have; asked for once. */
const missing = new Set();

/** Makes the picture; `video_id` may be null while it is not known. */
export function thumb({ video_id: id, seconds, isEager }) {
  const badge = seconds ? h("span", { class: "thumb-length" }, length(seconds)) : null;
  const place = h("span", { class: "thumb", "aria-hidden": "true", vars: { "--hue": hueOf(id) } }, drawing(), badge);
  if (id) addPicture(place, id, isEager);
  return place;
}

/** Shows the length on a picture that was made before it was known. */
export function setLength(place, seconds) {
  if (!seconds || place.querySelector(".thumb-length")) return;
  place.append(h("span", { class: "thumb-length" }, length(seconds)));
}

export function addPicture(place, id, isEager = false) {
  if (missing.has(id) || place.querySelector("img")) return;
  place.style.setProperty("--hue", hueOf(id));
  const picture = h("img", { alt: "", loading: isEager ? "eager" : "lazy", decoding: "async", width: 320, height: 180 });
  picture.addEventListener("load", () => picture.classList.add("is-here"), { once: true });
  picture.addEventListener("error", () => { missing.add(id); picture.remove(); }, { once: true });
  picture.src = `/videos/${encodeURIComponent(id)}/thumbnail`;
  place.querySelector("svg").after(picture);
}

function drawing() {
  return svg("svg", { viewBox: "0 0 32 18", "aria-hidden": "true" }, svg("path", { d: "M13.5 5.5v7l6-3.5z" }));
}

/** The same id always has the same colour. */
function hueOf(id) {
  let hash = 7;
  for (const letter of id ?? "") hash = (hash * 31 + letter.charCodeAt(0)) % 360;
  return hash;
}
