// The thumbnail of a video, from our server, over one that is drawn of the id of the video.
import { h, svg } from "../core/dom.js";
import { length } from "../core/i18n.js";

/** Images that the server does not have; asked for once. */
const missing = new Set();

/** Makes the thumbnail; `video_id` may be null while it is not known. */
export function thumb({ video_id: id, seconds, isEager }) {
  const badge = seconds ? h("span", { class: "thumb-length" }, length(seconds)) : null;
  const place = h("span", { class: "thumb", "aria-hidden": "true", vars: { "--hue": hueOf(id) } }, drawing(), badge);
  if (id) addImage(place, id, isEager);
  return place;
}

/** Shows the length on a thumbnail that was made before it was known. */
export function setLength(place, seconds) {
  if (!seconds || place.querySelector(".thumb-length")) return;
  place.append(h("span", { class: "thumb-length" }, length(seconds)));
}

export function addImage(place, id, isEager = false) {
  if (missing.has(id) || place.querySelector("img")) return;
  place.style.setProperty("--hue", hueOf(id));
  const image = h("img", { alt: "", loading: isEager ? "eager" : "lazy", decoding: "async", width: 320, height: 180 });
  image.addEventListener("load", () => image.classList.add("is-here"), { once: true });
  image.addEventListener("error", () => { missing.add(id); image.remove(); }, { once: true });
  image.src = `/videos/${encodeURIComponent(id)}/thumbnail`;
  place.querySelector("svg").after(image);
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
