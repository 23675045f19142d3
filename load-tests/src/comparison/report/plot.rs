//! The report as a picture: on the left how long clients waited, on the right when documents
//! were stored; beside both, dashed, the measurement that linkrelay is compared with.

use super::markdown::{grouped, milliseconds};
use super::scale::Scale;
use super::svg::{Anchor, Font, Stroke, Svg};
use super::{Comparison, Original, WayResult};
use crate::comparison::way::Way;
use crate::stats::Percentiles;

const WIDTH: f64 = 1_120.0;
const HEIGHT: f64 = 616.0;
const TOP: f64 = 116.0;
const BOTTOM: f64 = 446.0;
/// Between a point and its figure.
const LABEL_GAP: f64 = 11.0;
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

/// The percentiles that are shown, in order.
type Shown = (&'static str, fn(&Percentiles) -> f64);
const SHOWN: [Shown; 4] = [
    ("p50", |times| times.p50_ms),
    ("p95", |times| times.p95_ms),
    ("p99", |times| times.p99_ms),
    ("max", |times| times.max_ms),
];

/// Draws it.
pub fn draw(comparison: &Comparison) -> String {
    let (title, load) = ("The two ways side by side", comparison.load_in_words());
    let mut svg = Svg::new(WIDTH, HEIGHT, &format!("{title}: {load}"));
    svg.text([24.0, 34.0], Anchor::Start, TITLE, title);
    svg.text([24.0, 56.0], Anchor::Start, NOTE, &load);
    draw_times(&mut svg, comparison, [84.0, 520.0]);
    draw_documents(&mut svg, comparison, [640.0, 1_084.0]);
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

fn draw_times(svg: &mut Svg, comparison: &Comparison, [left, right]: [f64; 2]) {
    svg.text([left, TOP - 22.0], Anchor::Start, HEADING, "How long clients waited for the answer");
    let slowest = comparison.ways.iter().filter_map(|result| result.response_times);
    let slowest = slowest.map(|times| times.max_ms).fold(10_000.0, f64::max);
    // Some room for the words above a client that gave up after ten seconds.
    let y = Scale::logarithmic([1.0, slowest * 2.0], [BOTTOM, TOP]);
    for tick in y.ticks() {
        let at = y.at(tick);
        svg.line([left, at], [right, at], GRID_LINE);
        let words = if tick < 1e3 { format!("{tick} ms") } else { seconds_in_words(tick / 1e3) };
        svg.text([left - 8.0, at + 4.0], Anchor::End, TEXT, &words);
    }
    svg.text_upwards([24.0, f64::midpoint(TOP, BOTTOM)], TEXT, "response time (log scale)");
    svg.line([left, BOTTOM], [right, BOTTOM], AXIS_LINE);
    let step = (right - left) / SHOWN.len() as f64;
    let places: Vec<f64> = (0..SHOWN.len()).map(|at| left + step * (at as f64 + 0.5)).collect();
    for ((name, _), x) in SHOWN.iter().zip(&places) {
        svg.text([*x, BOTTOM + 20.0], Anchor::Middle, TEXT, name);
    }
    let below = f64::midpoint(left, right);
    svg.text(
        [below, BOTTOM + 42.0],
        Anchor::Middle,
        TEXT,
        "percentile of all clients answered 201, and of all that gave up",
    );
    let references = time_references(comparison, &y);
    for (way, at, words) in &references {
        svg.line([left, *at], [right, *at], dashed(*way));
        let font = Font { colour: colour(*way), ..TEXT };
        svg.text([left + 6.0, at - 6.0], Anchor::Start, font, words);
    }
    for result in &comparison.ways {
        let Some(times) = &result.response_times else { continue };
        let points: Vec<[f64; 2]> =
            SHOWN.iter().zip(&places).map(|((_, of), x)| [*x, y.at(of(times))]).collect();
        svg.polyline(points.iter().copied(), solid(result.way, 2.0));
        for ((_, of), [x, at]) in SHOWN.iter().zip(points) {
            svg.dot([x, at], 5.0, colour(result.way));
            let font = Font { colour: colour(result.way), is_bold: true, ..TEXT };
            let at = label_place(at, &references);
            svg.text([x, at], Anchor::Middle, font, &milliseconds(of(times)));
        }
    }
}

/// What is known of the original's answers: where, and in which words.
fn time_references(comparison: &Comparison, y: &Scale) -> Vec<(Way, f64, String)> {
    let reference = |original: &Original| {
        let name = original.title;
        let (ms, words) = match original.response_ms {
            Some(ms) => (ms, format!("{name}: ~{ms:.0} ms")),
            None => {
                let (gone, all) = (original.timed_out, super::ORIGINAL_REQUESTS);
                (10_000.0, format!("{name}: {gone} of {all} gave up after 10 s"))
            }
        };
        (original.way, y.at(ms), words)
    };
    comparison.originals().iter().map(reference).collect()
}

/// Above its point, unless a reference's words are there.
fn label_place(at: f64, references: &[(Way, f64, String)]) -> f64 {
    let above = at - LABEL_GAP;
    let is_taken = |line: &f64| (line - LINE_HEIGHT - 6.0..line + LINE_HEIGHT).contains(&above);
    if references.iter().any(|(_, line, _)| is_taken(line)) { at + LABEL_GAP + 10.0 } else { above }
}

fn draw_documents(svg: &mut Svg, comparison: &Comparison, [left, right]: [f64; 2]) {
    svg.text([left, TOP - 22.0], Anchor::Start, HEADING, "When documents were stored");
    let most = comparison.ways.iter().map(|result| result.documents).max().unwrap_or(0).max(1);
    let last =
        comparison.ways.iter().filter_map(WayResult::all_stored_seconds).fold(99.0, f64::max);
    let originals = comparison.originals();
    let latest = if originals.is_empty() { last * 1.5 } else { last.max(1_000.0) };
    let x = Scale::logarithmic([0.1, latest], [left, right]);
    let y = Scale::linear(most as f64 * 1.1, [BOTTOM, TOP]);
    for tick in y.ticks() {
        let at = y.at(tick);
        svg.line([left, at], [right, at], GRID_LINE);
        svg.text([left - 8.0, at + 4.0], Anchor::End, TEXT, &grouped(tick as usize));
    }
    for tick in x.ticks() {
        let at = x.at(tick);
        svg.line([at, TOP], [at, BOTTOM], GRID_LINE);
        svg.text([at, BOTTOM + 20.0], Anchor::Middle, TEXT, &seconds_in_words(tick));
    }
    svg.text_upwards([left - 52.0, f64::midpoint(TOP, BOTTOM)], TEXT, "documents in the store");
    svg.line([left, BOTTOM], [right, BOTTOM], AXIS_LINE);
    let below = f64::midpoint(left, right);
    svg.text(
        [below, BOTTOM + 42.0],
        Anchor::Middle,
        TEXT,
        "time since the first request (log scale)",
    );
    originals.iter().for_each(|original| draw_original(svg, original, &x, &y));
    // The first one wider, so that it is seen where the second one covers it.
    for (result, width) in comparison.ways.iter().zip([4.5, 1.8]) {
        let steps = documents_over_time(result);
        let places = steps.map(|[seconds, count]| [x.at(seconds), y.at(count)]);
        svg.polyline(thinned(places), solid(result.way, width));
    }
}

/// The count before and after each document, from 0 to the right edge.
fn documents_over_time(result: &WayResult) -> impl Iterator<Item = [f64; 2]> {
    let moments = &result.stored_after_seconds;
    let last = [f64::INFINITY, moments.len() as f64];
    let steps = moments
        .iter()
        .enumerate()
        .flat_map(|(before, seconds)| [[*seconds, before as f64], [*seconds, before as f64 + 1.0]]);
    std::iter::once([0.0, 0.0]).chain(steps).chain(std::iter::once(last))
}

/// Without points that nobody could tell from the one before.
fn thinned(places: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let mut last = None;
    for place in places {
        let is_far = |[x, y]: &[f64; 2]| (place[0] - x).abs() + (place[1] - y).abs() >= 0.5;
        if kept.last().is_none_or(is_far) {
            kept.push(place);
        }
        last = Some(place);
    }
    kept.extend(last);
    kept
}

fn draw_original(svg: &mut Svg, original: &Original, x: &Scale, y: &Scale) {
    let font = Font { colour: colour(original.way), ..TEXT };
    let count = original.documents as f64;
    let Some(seconds) = original.all_stored_seconds else {
        // When each of them came is not known.
        svg.line(
            [x.at(0.0), y.at(count)],
            [x.at(f64::INFINITY), y.at(count)],
            dashed(original.way),
        );
        let words = format!("{}: {count} in all", original.title);
        svg.text([x.at(0.0) + 6.0, y.at(count) - 6.0], Anchor::Start, font, &words);
        return;
    };
    // One after the other: as many in every second. Points close enough for a curve.
    let parts = (1_u32..=60).map(|part| f64::from(part) / 60.0).map(|part| part * part);
    svg.polyline(
        parts.map(|part| [x.at(seconds * part), y.at(count * part)]),
        dashed(original.way),
    );
    let [beside, above] = [x.at(seconds * 0.25) - 10.0, y.at(count * 0.35)];
    let words = [format!("{}:", original.title), format!("{count} after ~{seconds:.0} s")];
    for (line, words) in words.iter().enumerate() {
        svg.text([beside, above + line as f64 * LINE_HEIGHT], Anchor::End, font, words);
    }
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

    #[test]
    fn a_curve_climbs_by_one_for_each_document() {
        let mut short = comparison().ways.remove(0);
        short.stored_after_seconds = vec![1.0, 3.0];
        let steps: Vec<[f64; 2]> = documents_over_time(&short).collect();
        let until = |end: usize| &steps[..end];
        assert_eq!(until(5), [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [3.0, 1.0], [3.0, 2.0]]);
        assert_eq!(steps[5], [f64::INFINITY, 2.0]);
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends_and_its_shape() {
        let places = (0..=1_000).map(|step| [f64::from(step) / 100.0, 0.0]);
        let kept = thinned(places);
        assert_eq!((kept.first(), kept.last()), (Some(&[0.0, 0.0]), Some(&[10.0, 0.0])));
        assert!((20..=22).contains(&kept.len()), "{}", kept.len());
    }

    #[test]
    fn a_figure_keeps_clear_of_the_words_of_a_reference() {
        let references = [(Way::Kafka, 200.0, String::new())];
        assert_eq!(label_place(100.0, &references), 100.0 - LABEL_GAP);
        for at in [190.0, 200.0, 210.0] {
            assert!(label_place(at, &references) > at, "{at}");
        }
    }
}
