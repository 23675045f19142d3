//! How long clients waited: percentiles, on a logarithmic axis.

use super::{
    AXIS_LINE, BOTTOM, GRID_LINE, HEADING, LINE_HEIGHT, TEXT, TOP, colour, dashed,
    seconds_in_words, solid,
};
use crate::comparison::report::markdown::milliseconds;
use crate::comparison::report::scale::Scale;
use crate::comparison::report::svg::{Anchor, Font, Svg};
use crate::comparison::report::{Comparison, ORIGINAL_REQUESTS, Original};
use crate::comparison::way::Way;
use crate::stats::Percentiles;

/// Between a point and its figure.
const LABEL_GAP: f64 = 11.0;

/// The percentiles that are shown, in order.
type Shown = (&'static str, fn(&Percentiles) -> f64);
const SHOWN: [Shown; 4] = [
    ("p50", |times| times.p50_ms),
    ("p95", |times| times.p95_ms),
    ("p99", |times| times.p99_ms),
    ("max", |times| times.max_ms),
];

/// Draws it between these two edges.
pub(super) fn draw(svg: &mut Svg, comparison: &Comparison, [left, right]: [f64; 2]) {
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
    let references = known_before(comparison, &y);
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
fn known_before(comparison: &Comparison, y: &Scale) -> Vec<(Way, f64, String)> {
    let reference = |original: &Original| {
        let name = original.title;
        let (ms, words) = match original.response_ms {
            Some(ms) => (ms, format!("{name}: ~{ms:.0} ms")),
            None => {
                let (gone, all) = (original.timed_out, ORIGINAL_REQUESTS);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_keeps_clear_of_the_words_of_a_reference() {
        let references = [(Way::Kafka, 200.0, String::new())];
        assert_eq!(label_place(100.0, &references), 100.0 - LABEL_GAP);
        for at in [190.0, 200.0, 210.0] {
            assert!(label_place(at, &references) > at, "{at}");
        }
    }
}
