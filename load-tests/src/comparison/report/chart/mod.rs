//! The report as a chart: on the left how long clients waited, on the right when documents were
//! stored. The measurement that linkrelay is compared with is dashed.

mod documents;
mod times;

use super::scale::Scale;
use super::svg::{Anchor, Font, Stroke, Svg};
use super::{Comparison, PathResult};
use crate::comparison::link_path::LinkPath;
use crate::stats::grouped;

const WIDTH: f64 = 1_120.0;
const HEIGHT: f64 = 616.0;
const TOP: f64 = 116.0;
const BOTTOM: f64 = 446.0;
/// The distance between two lines of text.
const LINE_HEIGHT: f64 = 16.0;

const INK: &str = "#1f2937";
const GREY: &str = "#6b7280";
const GRID: &str = "#e5e7eb";

const TITLE: Font = Font { size: 18.0, colour: INK, is_bold: true };
const HEADING: Font = Font { size: 14.0, colour: INK, is_bold: true };
const NOTE: Font = Font { size: 13.0, colour: INK, is_bold: false };
const TEXT: Font = Font { size: 12.0, colour: GREY, is_bold: false };
const GRID_LINE: Stroke = Stroke { colour: GRID, width: 1.0, is_dashed: false };
const AXIS_LINE: Stroke = Stroke { colour: GREY, width: 1.0, is_dashed: false };

/// Returns the chart as SVG.
pub(super) fn draw(comparison: &Comparison) -> String {
    let (title, load) = ("The two paths side by side", comparison.load.plan.to_string());
    let mut svg = Svg::new(WIDTH, HEIGHT, &format!("{title}: {load}"));
    svg.text([24.0, 34.0], Anchor::Start, TITLE, title);
    svg.text([24.0, 56.0], Anchor::Start, NOTE, &load);
    times::draw(&mut svg, comparison, [84.0, 520.0]);
    documents::draw(&mut svg, comparison, [640.0, 1_084.0]);
    draw_legend(&mut svg, comparison);
    svg.text([24.0, HEIGHT - 16.0], Anchor::Start, TEXT, &small_print(comparison));
    svg.finish()
}

/// What is written around one half of the chart.
#[derive(Debug, Clone, Copy)]
struct Frame {
    heading: &'static str,
    /// At the axis on the left.
    left: &'static str,
    /// Below the axis at the bottom.
    below: &'static str,
}

/// Draws the texts and the left axis of one half between these two edges.
fn draw_frame(
    svg: &mut Svg,
    frame: Frame,
    [left, right]: [f64; 2],
    y: &Scale,
    label: fn(f64) -> String,
) {
    svg.text([left, TOP - 22.0], Anchor::Start, HEADING, frame.heading);
    for tick in y.ticks() {
        let at = y.at(tick);
        svg.line([[left, at], [right, at]], GRID_LINE);
        svg.text([left - 8.0, at + 4.0], Anchor::End, TEXT, &label(tick));
    }
    svg.text([left - 60.0, f64::midpoint(TOP, BOTTOM)], Anchor::Upwards, TEXT, frame.left);
    svg.line([[left, BOTTOM], [right, BOTTOM]], AXIS_LINE);
    let middle = f64::midpoint(left, right);
    svg.text([middle, BOTTOM + 42.0], Anchor::Middle, TEXT, frame.below);
}

fn colour(path: LinkPath) -> &'static str {
    match path {
        LinkPath::Kafka => "#1d4ed8",
        LinkPath::Waiting => "#c2410c",
    }
}

fn solid(path: LinkPath, width: f64) -> Stroke {
    Stroke { colour: colour(path), width, is_dashed: false }
}

fn dashed(path: LinkPath) -> Stroke {
    Stroke { colour: colour(path), width: 1.5, is_dashed: true }
}

fn draw_legend(svg: &mut Svg, comparison: &Comparison) {
    let mut at = BOTTOM + 76.0;
    let mut entry = |stroke: Stroke, text: &str| {
        svg.line([[84.0, at - 4.0], [112.0, at - 4.0]], stroke);
        svg.text([120.0, at], Anchor::Start, NOTE, text);
        at += 22.0;
    };
    for result in &comparison.paths {
        entry(solid(result.path, 4.0), &summary(result));
    }
    if !comparison.originals().is_empty() {
        let stroke = Stroke { colour: GREY, width: 1.5, is_dashed: true };
        entry(stroke, "the measurement that linkrelay is compared with, on the same load");
    }
}

fn summary(result: &PathResult) -> String {
    let PathResult { path, requests, documents, .. } = result;
    let stored = match result.all_stored_seconds() {
        Some(seconds) => format!("{} documents after {seconds:.1} s", grouped(*documents)),
        None => "no document".to_owned(),
    };
    format!("{path}: {} of {requests} answered 201, {stored}", result.answered(201))
}

fn seconds_label(seconds: f64) -> String {
    if seconds < 1.0 { format!("{seconds} s") } else { format!("{} s", grouped(seconds as usize)) }
}

fn small_print(comparison: &Comparison) -> String {
    let Comparison { machine, load, at, .. } = comparison;
    let build = if comparison.is_release { "" } else { " (debug build)" };
    format!(
        "A link takes YouTube {} s. {} processors ({}), {} consumers; {}{build}",
        load.latency_seconds,
        machine.cpus,
        machine.cpu_model,
        load.consumers,
        at.strftime("%Y-%m-%d"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::report::sample::comparison;

    #[test]
    fn the_chart_has_both_paths_and_the_originals_dashed() {
        let chart = draw(&comparison());
        for text in [
            "through Kafka: 500 of 500 answered 201, 500 documents after 11.2 s",
            "original, queue: ~213 ms",
            "447 in all",
        ] {
            assert!(chart.contains(text), "{text}");
        }
        for path in LinkPath::ALL {
            assert!(chart.contains(&format!(
                "fill=\"none\" stroke-linejoin=\"round\" stroke=\"{}\"",
                colour(path)
            )));
        }
        assert_eq!(chart.matches("stroke-dasharray").count(), 5);
    }

    #[test]
    fn another_load_is_drawn_without_the_originals() {
        let mut other = comparison();
        other.load.plan.phases[0].last_rate = 100;
        assert!(!draw(&other).contains("stroke-dasharray"));
    }

    #[test]
    fn a_path_without_answers_and_documents_is_drawn_nevertheless() {
        let mut empty = comparison();
        empty.paths[1].response_times = None;
        empty.paths[1].stored_after_seconds.clear();
        let chart = draw(&empty);
        assert!(chart.contains("no document"));
        assert!(!chart.contains("NaN") && !chart.contains("inf"), "{chart}");
    }
}
