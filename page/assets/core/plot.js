// Plots numbers over time as a drawing, with a text for who does not see it.
import { h, svg } from "./dom.js";

const WIDTH = 640;
const HEIGHT = 150;
/** Room for half a dot. */
const EDGE = 5;

/**
 * Makes a figure. `points` are `{ x, y }` in the order of x; where y is null the line is broken.
 * `label` names it, `now` is shown large, `text` says in a sentence what it shows.
 */
export function plot({ name, label, now, points, text, ends = [], showsDots = false, format = String }) {
  const known = points.filter((point) => point.y !== null && point.y !== undefined);
  const scale = scaleOf(points, known);
  const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": text },
    [0, 0.5, 1].map((part) => svg("line", { class: "plot-grid", x1: 0, x2: WIDTH, y1: HEIGHT * part, y2: HEIGHT * part })),
    runs(points).map((run) => lines(run, scale)),
    showsDots && known.map((point) => svg("line", { class: "plot-mark", x1: scale.x(point.x), x2: scale.x(point.x), y1: scale.y(point.y), y2: scale.y(point.y) })));
  return h("figure", { class: "plot", "data-plot": name },
    h("figcaption", {}, h("span", {}, label), h("b", {}, now)),
    h("div", { class: "plot-body" }, drawing,
      h("span", { class: "plot-top", "aria-hidden": "true" }, known.length > 0 ? format(scale.most) : ""),
      h("span", { class: "plot-bottom", "aria-hidden": "true" }, known.length > 0 ? format(scale.least) : "")),
    ends.length > 0 && h("div", { class: "plot-ends", "aria-hidden": "true" }, ends.map((end) => h("span", {}, end))));
}

function scaleOf(points, known) {
  const values = known.map((point) => point.y);
  const most = Math.max(...values, 0);
  // Counts of views are far from zero, and their changes are what a user looks for.
  const smallest = values.length > 0 ? Math.min(...values) : 0;
  const least = smallest > most * 0.5 && smallest < most ? smallest : 0;
  const first = points[0]?.x ?? 0;
  const width = (points.at(-1)?.x ?? 1) - first || 1;
  const height = most - least || 1;
  return {
    most, least,
    x: (value) => points.length < 2 ? WIDTH / 2 : EDGE + ((value - first) / width) * (WIDTH - 2 * EDGE),
    y: (value) => HEIGHT - ((value - least) / height) * (HEIGHT - 2 * EDGE) - EDGE,
  };
}

/** The parts of the line between what is not known. */
function runs(points) {
  const found = [[]];
  for (const point of points) {
    if (point.y === null || point.y === undefined) found.push([]);
    else found.at(-1).push(point);
  }
  return found.filter((run) => run.length > 0);
}

function lines(run, scale) {
  const at = run.map(({ x, y }) => `${scale.x(x).toFixed(1)} ${scale.y(y).toFixed(1)}`);
  if (run.length === 1) return [svg("path", { class: "plot-mark", d: `M${at[0]}h0` })];
  const line = `M${at.join("L")}`;
  const [first, last] = [run[0], run.at(-1)].map(({ x }) => scale.x(x).toFixed(1));
  return [
    svg("path", { class: "plot-area", d: `${line}L${last} ${HEIGHT}L${first} ${HEIGHT}Z` }),
    svg("path", { class: "plot-line", d: line }),
  ];
}
