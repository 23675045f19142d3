//! When documents were stored: their number over time, on a logarithmic axis, since the queue of
//! the original took fifty times as long.

use super::{
    BOTTOM, Frame, GRID_LINE, LINE_HEIGHT, TEXT, TOP, colour, dashed, draw_frame, seconds_label,
    solid,
};
use crate::comparison::report::scale::Scale;
use crate::comparison::report::svg::{Anchor, Font, Svg};
use crate::comparison::report::{Comparison, Original, PathResult};
use crate::stats::grouped;

const FRAME: Frame = Frame {
    heading: "When documents were stored",
    left: "documents in the store",
    below: "time since the first request (log scale)",
};

/// Draws it between these two edges.
pub(super) fn draw(svg: &mut Svg, comparison: &Comparison, [left, right]: [f64; 2]) {
    let most = comparison.paths.iter().map(|result| result.documents).max().unwrap_or(0).max(1);
    let last =
        comparison.paths.iter().filter_map(PathResult::all_stored_seconds).fold(99.0, f64::max);
    let originals = comparison.originals();
    let latest = if originals.is_empty() { last * 1.5 } else { last.max(1_000.0) };
    let x = Scale::logarithmic([0.1, latest], [left, right]);
    let y = Scale::linear(most as f64 * 1.1, [BOTTOM, TOP]);
    draw_frame(svg, FRAME, [left, right], &y, |count| grouped(count as usize));
    for tick in x.ticks() {
        let at = x.at(tick);
        svg.line([[at, TOP], [at, BOTTOM]], GRID_LINE);
        svg.text([at, BOTTOM + 20.0], Anchor::Middle, TEXT, &seconds_label(tick));
    }
    originals.iter().for_each(|original| draw_original(svg, original, &x, &y));
    // The first one wider, so that it is seen where the second one covers it.
    for (result, width) in comparison.paths.iter().zip([4.5, 1.8]) {
        let steps = documents_over_time(result);
        let points = steps.map(|[seconds, count]| [x.at(seconds), y.at(count)]);
        svg.line(thinned(points), solid(result.path, width));
    }
}

/// The count before and after each document, from 0 to the right edge.
fn documents_over_time(result: &PathResult) -> impl Iterator<Item = [f64; 2]> {
    let moments = &result.stored_after_seconds;
    let last = [f64::INFINITY, moments.len() as f64];
    let steps = moments
        .iter()
        .enumerate()
        .flat_map(|(before, seconds)| [[*seconds, before as f64], [*seconds, before as f64 + 1.0]]);
    std::iter::once([0.0, 0.0]).chain(steps).chain(std::iter::once(last))
}

/// Drops points that a reader cannot distinguish from the one before.
fn thinned(points: impl Iterator<Item = [f64; 2]>) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let mut last = None;
    for point in points {
        let is_far = |[x, y]: &[f64; 2]| (point[0] - x).abs() + (point[1] - y).abs() >= 0.5;
        if kept.last().is_none_or(is_far) {
            kept.push(point);
        }
        last = Some(point);
    }
    kept.extend(last);
    kept
}

fn draw_original(svg: &mut Svg, original: &Original, x: &Scale, y: &Scale) {
    let Original { path, title, documents, .. } = *original;
    let font = Font { colour: colour(path), ..TEXT };
    let count = documents as f64;
    let Some(seconds) = original.all_stored_seconds else {
        // When each of them came is not known.
        let [left, right] = [0.0, f64::INFINITY].map(|end| x.at(end));
        svg.line([[left, y.at(count)], [right, y.at(count)]], dashed(path));
        let at = [left + 6.0, y.at(count) - 6.0];
        svg.text(at, Anchor::Start, font, &format!("{title}: {count} in all"));
        return;
    };
    // One after the other: equally many in every second. Points close enough for a curve.
    let parts = (1_u32..=60).map(|part| f64::from(part) / 60.0).map(|part| part * part);
    svg.line(parts.map(|part| [x.at(seconds * part), y.at(count * part)]), dashed(path));
    let [beside, above] = [x.at(seconds * 0.25) - 10.0, y.at(count * 0.35)];
    let lines = [format!("{title}:"), format!("{count} after ~{seconds:.0} s")];
    for (line, text) in lines.iter().enumerate() {
        svg.text([beside, above + line as f64 * LINE_HEIGHT], Anchor::End, font, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::report::sample::comparison;

    #[test]
    fn a_curve_climbs_by_one_for_each_document() {
        let mut short = comparison().paths.remove(0);
        short.stored_after_seconds = vec![1.0, 3.0];
        let steps: Vec<[f64; 2]> = documents_over_time(&short).collect();
        let until = |end: usize| &steps[..end];
        assert_eq!(until(5), [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [3.0, 1.0], [3.0, 2.0]]);
        assert_eq!(steps[5], [f64::INFINITY, 2.0]);
    }

    #[test]
    fn a_thinned_curve_keeps_its_ends_and_its_shape() {
        let points = (0..=1_000).map(|step| [f64::from(step) / 100.0, 0.0]);
        let kept = thinned(points);
        assert_eq!((kept.first(), kept.last()), (Some(&[0.0, 0.0]), Some(&[10.0, 0.0])));
        assert!((20..=22).contains(&kept.len()), "{}", kept.len());
    }
}
