//! The report as a picture: on the left how long clients waited, on the right when documents
//! were stored; beside both, dashed, the measurement that linkrelay is compared with.

mod documents;
mod times;

use super::markdown::grouped;
use super::svg::{Anchor, Font, Stroke, Svg};
use super::{Comparison, WayResult};
use crate::comparison::way::Way;

const WIDTH: f64 = 1_120.0;
const HEIGHT: f64 = 616.0;
const TOP: f64 = 116.0;
const BOTTOM: f64 = 446.0;
/// Two texts need so much from line to line.
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

/// Draws it.
pub fn draw(comparison: &Comparison) -> String {
    let (title, load) = ("The two ways side by side", comparison.load_in_words());
    let mut svg = Svg::new(WIDTH, HEIGHT, &format!("{title}: {load}"));
    svg.text([24.0, 34.0], Anchor::Start, TITLE, title);
    svg.text([24.0, 56.0], Anchor::Start, NOTE, &load);
    times::draw(&mut svg, comparison, [84.0, 520.0]);
    documents::draw(&mut svg, comparison, [640.0, 1_084.0]);
    draw_legend(&mut svg, comparison);
    svg.text([24.0, HEIGHT - 16.0], Anchor::Start, TEXT, &small_print(comparison));
    svg.finish()
}

fn colour(way: Way) -> &'static str {
    match way {
        Way::Kafka => "#1d4ed8",
        Way::Waiting => "#c2410c",
    }
}

fn solid(way: Way, width: f64) -> Stroke {
    Stroke { colour: colour(way), width, is_dashed: false }
}

fn dashed(way: Way) -> Stroke {
    Stroke { colour: colour(way), width: 1.5, is_dashed: true }
}
fn draw_legend(svg: &mut Svg, comparison: &Comparison) {
    let mut at = BOTTOM + 76.0;
    let mut entry = |stroke: Stroke, words: &str| {
        svg.line([84.0, at - 4.0], [112.0, at - 4.0], stroke);
        svg.text([120.0, at], Anchor::Start, NOTE, words);
        at += 22.0;
    };
    for result in &comparison.ways {
        entry(solid(result.way, 4.0), &in_short(result));
    }
    if !comparison.originals().is_empty() {
        let stroke = Stroke { colour: GREY, width: 1.5, is_dashed: true };
        entry(stroke, "the measurement that linkrelay is compared with, on the same load");
    }
}

fn in_short(result: &WayResult) -> String {
    let stored = match result.all_stored_seconds() {
        Some(seconds) => format!("{} documents after {seconds:.1} s", grouped(result.documents)),
        None => "no document".to_owned(),
    };
    format!(
        "{}: {} of {} answered 201, {stored}",
        result.way,
        result.answered(201),
        result.requests
    )
}

fn seconds_in_words(seconds: f64) -> String {
    if seconds < 1.0 { format!("{seconds} s") } else { format!("{} s", grouped(seconds as usize)) }
}

fn small_print(comparison: &Comparison) -> String {
    let Comparison { machine, generator, load, at, .. } = comparison;
    let build = if comparison.is_release { "" } else { " (debug build)" };
    format!(
        "A link takes YouTube {} s. {} processors ({}), {} consumers; load by {}; {}{build}",
        load.latency_seconds,
        machine.cpus,
        machine.cpu_model,
        load.consumers,
        generator.title(),
        at.strftime("%Y-%m-%d"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::report::sample::comparison;

    #[test]
    fn the_picture_has_both_ways_and_the_originals_dashed() {
        let picture = draw(&comparison());
        for words in [
            "through Kafka: 500 of 500 answered 201, 500 documents after 11.2 s",
            "original, queue: ~213 ms",
            "447 in all",
        ] {
            assert!(picture.contains(words), "{words}");
        }
        for way in Way::ALL {
            assert!(picture.contains(&format!(
                "fill=\"none\" stroke-linejoin=\"round\" stroke=\"{}\"",
                colour(way)
            )));
        }
        assert_eq!(picture.matches("stroke-dasharray").count(), 5);
    }

    #[test]
    fn another_load_is_drawn_without_the_originals() {
        let mut other = comparison();
        other.load.phases[0].arrival_rate = 100;
        assert!(!draw(&other).contains("stroke-dasharray"));
    }

    #[test]
    fn a_way_without_answers_and_documents_is_drawn_all_the_same() {
        let mut empty = comparison();
        empty.ways[1].response_times = None;
        empty.ways[1].stored_after_seconds.clear();
        let picture = draw(&empty);
        assert!(picture.contains("no document"));
        assert!(!picture.contains("NaN") && !picture.contains("inf"), "{picture}");
    }
}
