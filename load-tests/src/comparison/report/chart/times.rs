//! How long clients waited: percentiles, on a logarithmic axis.

use super::{
    BOTTOM, Frame, LINE_HEIGHT, TEXT, TOP, colour, dashed, draw_frame, seconds_label, solid,
};
use crate::comparison::link_path::LinkPath;
use crate::comparison::report::markdown::milliseconds;
use crate::comparison::report::scale::Scale;
use crate::comparison::report::svg::{Anchor, Font, Svg};
use crate::comparison::report::{Comparison, ORIGINAL_REQUESTS, Original};
use crate::stats::Percentiles;

const FRAME: Frame = Frame {
    heading: "How long clients waited for the answer",
    left: "response time (log scale)",
    below: "percentile of all clients answered 201, and of all that timed out",
};
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
    let slowest = comparison.paths.iter().filter_map(|result| result.response_times);
    let slowest = slowest.map(|times| times.max_ms).fold(10_000.0, f64::max);
    // Some room for the text above a client that timed out after ten seconds.
    let y = Scale::logarithmic([1.0, slowest * 2.0], [BOTTOM, TOP]);
    draw_frame(svg, FRAME, [left, right], &y, |ms| {
        if ms < 1e3 { format!("{ms} ms") } else { seconds_label(ms / 1e3) }
    });
    let step = (right - left) / SHOWN.len() as f64;
    let columns: Vec<f64> = (0..SHOWN.len()).map(|at| left + step * (at as f64 + 0.5)).collect();
    for ((name, _), x) in SHOWN.iter().zip(&columns) {
        svg.text([*x, BOTTOM + 20.0], Anchor::Middle, TEXT, name);
    }
    let references = references(comparison, &y);
    for (path, at, text) in &references {
        svg.line([[left, *at], [right, *at]], dashed(*path));
        let font = Font { colour: colour(*path), ..TEXT };
        svg.text([left + 6.0, at - 6.0], Anchor::Start, font, text);
    }
    for result in &comparison.paths {
        let Some(times) = &result.response_times else { continue };
        let points = SHOWN.iter().zip(&columns).map(|((_, of), x)| [*x, y.at(of(times))]);
        svg.line(points.clone(), solid(result.path, 2.0));
        let font = Font { colour: colour(result.path), is_bold: true, ..TEXT };
        for ((_, of), [x, at]) in SHOWN.iter().zip(points) {
            svg.dot([x, at], 5.0, colour(result.path));
            let label = [x, label_position(at, &references)];
            svg.text(label, Anchor::Middle, font, &milliseconds(of(times)));
        }
    }
}

/// Returns what is known of the original's answers: the position of each, and its text.
fn references(comparison: &Comparison, y: &Scale) -> Vec<(LinkPath, f64, String)> {
    let reference = |Original { path, title, timed_out, response_ms, .. }: &Original| {
        let (ms, text) = match response_ms {
            Some(ms) => (*ms, format!("{title}: ~{ms:.0} ms")),
            None => {
                let text =
                    format!("{title}: {timed_out} of {ORIGINAL_REQUESTS} timed out after 10 s");
                (10_000.0, text)
            }
        };
        (*path, y.at(ms), text)
    };
    comparison.originals().iter().map(reference).collect()
}

/// Above its point, unless the text of a reference is there.
fn label_position(at: f64, references: &[(LinkPath, f64, String)]) -> f64 {
    let above = at - LABEL_GAP;
    let is_taken = |line: &f64| (line - LINE_HEIGHT - 6.0..line + LINE_HEIGHT).contains(&above);
    if references.iter().any(|(_, line, _)| is_taken(line)) { at + LABEL_GAP + 10.0 } else { above }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_keeps_clear_of_the_text_of_a_reference() {
        let references = [(LinkPath::Kafka, 200.0, String::new())];
        assert_eq!(label_position(100.0, &references), 100.0 - LABEL_GAP);
        for at in [190.0, 200.0, 210.0] {
            assert!(label_position(at, &references) > at, "{at}");
        }
    }
}
