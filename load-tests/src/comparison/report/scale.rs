//! From figures to positions in a chart.

/// How figures are laid out along an axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    is_logarithmic: bool,
    /// The figures at both ends.
    figures: [f64; 2],
    /// The positions of both ends.
    positions: [f64; 2],
}

impl Scale {
    /// Equal distances for equal differences, from 0.
    pub(super) fn linear(most: f64, positions: [f64; 2]) -> Self {
        Self { is_logarithmic: false, figures: [0.0, most], positions }
    }

    /// Equal distances for equal factors, from a power of ten.
    pub(super) fn logarithmic(figures: [f64; 2], positions: [f64; 2]) -> Self {
        let [first, last] = figures;
        Self {
            is_logarithmic: true,
            figures: [10_f64.powf(first.log10().floor()), last],
            positions,
        }
    }

    /// Returns the position of a figure; of one beyond an end, the end.
    pub(super) fn at(&self, figure: f64) -> f64 {
        let [first, last] = self.figures;
        let figure = figure.clamp(first, last);
        let part = if self.is_logarithmic {
            (figure / first).log10() / (last / first).log10()
        } else {
            (figure - first) / (last - first)
        };
        let [begin, end] = self.positions;
        begin + part * (end - begin)
    }

    /// Returns the figures to write at the axis: powers of ten, or about six round ones.
    pub(super) fn ticks(&self) -> Vec<f64> {
        let [first, last] = self.figures;
        if self.is_logarithmic {
            let powers = (first.log10().round() as i32)..=(last.log10().floor() as i32);
            return powers.map(|power| 10_f64.powi(power)).collect();
        }
        let step = round_step(last / 6.0);
        (0_u32..).map(|number| f64::from(number) * step).take_while(|tick| *tick <= last).collect()
    }
}

/// Returns the smallest of 1, 2, 5, 10 … that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_linear_scale_keeps_differences() {
        let scale = Scale::linear(500.0, [400.0, 0.0]);
        assert_eq!(
            [0.0, 250.0, 500.0, 9_999.0].map(|figure| scale.at(figure)),
            [400.0, 200.0, 0.0, 0.0]
        );
        assert_eq!(scale.ticks(), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0]);
        assert_eq!(Scale::linear(13_250.0, [0.0, 1.0]).ticks(), [0.0, 5_000.0, 10_000.0]);
    }

    #[test]
    fn a_logarithmic_scale_keeps_factors_and_begins_at_a_power_of_ten() {
        assert_eq!(
            Scale::logarithmic([2.0, 5_000.0], [0.0, 1.0]).ticks(),
            [1.0, 10.0, 100.0, 1_000.0]
        );
        let scale = Scale::logarithmic([2.0, 10_000.0], [0.0, 400.0]);
        assert_eq!(scale.ticks(), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        for (figure, position) in [(1.0, 0.0), (10.0, 100.0), (1_000.0, 300.0), (0.0, 0.0)] {
            assert!((scale.at(figure) - position).abs() < 1e-9, "{figure}");
        }
    }
}
