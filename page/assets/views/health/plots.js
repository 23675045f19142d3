// The last hour: what came in, what was done, and what waits.
import { h } from "../../core/dom.js";
import { clock, fine, t, tOf } from "../../core/i18n.js";
import { plot } from "../../core/plot.js";

const SERIES = ["accepted_per_second", "completed_per_second", "in_flight", "lag", "consumers", "unavailable_per_second"];

/** In seconds. */
const HOUR = 3_600;

export function plotsPart({ as_of: asOf, step_seconds: step, series }) {
  const end = Date.parse(asOf);
  // A server that has just started knows a part of the hour.
  const whole = (values) => [...Array(Math.max(HOUR / step - values.length, 0)).fill(null), ...values];
  return h("div", { class: "plots" }, SERIES.filter((name) => series[name]).map((name) => one(name, whole(series[name]), { end, step })));
}

function one(name, values, { end, step }) {
  const points = values.map((y, index) => ({ x: end - (values.length - 1 - index) * step * 1000, y }));
  const known = values.filter((value) => value !== null);
  const last = known.at(-1) ?? null;
  const label = tOf("history", name);
  const text = known.length === 0 ? t("plot.nothing", { name: label })
    : t("plot.summary", { name: label, now: fine(last), least: fine(Math.min(...known)), most: fine(Math.max(...known)) });
  return plot({
    name, label, points, text, format: fine, now: last === null ? "–" : fine(last),
    ends: points.length > 1 ? [clock(new Date(points[0].x).toISOString()), clock(new Date(end).toISOString())] : [],
  });
}
