// The processes that share the store, and what each does.
import { h } from "../../core/dom.js";
import { clock, fine, number, span, t, tOf } from "../../core/i18n.js";

export function processesPart({ processes }) {
  if (processes.length === 0) return h("p", { class: "muted" }, t("health.no_processes"));
  return h("ul", { class: "process-list" }, processes.map(process));
}

function process(one) {
  const isRunning = one.status === "running";
  return h("li", { class: "process", "data-process": one.instance, "data-status": one.status },
    h("div", { class: "row-between" },
      h("h3", {}, h("span", { class: `dot ${isRunning ? "good" : "bad"}` }), tOf("role", one.role)),
      h("span", { class: "muted" }, isRunning ? t("health.beat", { time: span(one.silent_seconds) }) : t("health.gone", { time: span(one.silent_seconds) }))),
    h("p", { class: "hint" }, [one.host, one.http_addr, `${t("health.version")} ${one.version}`, `pid ${one.pid}`].filter(Boolean).join(" · ")),
    h("ul", { class: "chips" }, figures(one).map(([text, kind]) => h("li", { class: `chip ${kind ?? ""}` }, text))));
}

function figures(one) {
  const of = (key, value) => (value === undefined || value === null ? null : [tOf("health", key, { n: value, value: fine(value) })]);
  const all = one.role === "consumer"
    ? [of("partitions", one.partitions?.length), of("in_flight", one.in_flight), of("lag_count", one.lag), of("links_per_second", one.links_per_second),
      one.breaker ? [t("health.breaker", { value: tOf("breaker", one.breaker) }), one.breaker === "closed" ? null : "bad-text"] : null,
      one.cool_down_until ? [t("health.cool_down", { value: clock(one.cool_down_until) }), "bad-text"] : null]
    : [of("accepted_per_second", one.accepted_per_second), of("unavailable_per_second", one.unavailable_per_second)];
  return all.filter(Boolean);
}

export const countText = (value) => (value === null || value === undefined ? "–" : number(value));
