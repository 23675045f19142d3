//! The few shapes that a chart consists of, as SVG text.

use std::fmt::Write as _;

/// Which part of a text is at its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
    /// The middle of a text that is read from below, for the axis on the left.
    Upwards,
}

/// How a line looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: &'static str,
    pub(super) width: f64,
    pub(super) is_dashed: bool,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) colour: &'static str,
    pub(super) is_bold: bool,
}

/// A chart that grows.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// An empty chart, white, with a title for readers that cannot see it.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escaped(title);
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">\n\
             <title>{title}</title>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
        );
        Self { text }
    }

    pub(super) fn line(&mut self, points: impl IntoIterator<Item = [f64; 2]>, stroke: Stroke) {
        let Stroke { colour, width, is_dashed } = stroke;
        let points: Vec<String> =
            points.into_iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        let dashes = if is_dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        self.add(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke-linejoin=\"round\" \
             stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}/>"
        ));
    }

    pub(super) fn dot(&mut self, [x, y]: [f64; 2], radius: f64, colour: &str) {
        self.add(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" \
             stroke=\"white\" stroke-width=\"1.5\"/>"
        ));
    }

    pub(super) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, font: Font, text: &str) {
        let Font { size, colour, is_bold } = font;
        let (anchor, turn) = match anchor {
            Anchor::Start => ("start", String::new()),
            Anchor::Middle => ("middle", String::new()),
            Anchor::End => ("end", String::new()),
            Anchor::Upwards => ("middle", format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"")),
        };
        let weight = if is_bold { " font-weight=\"600\"" } else { "" };
        let text = escaped(text);
        // A white edge keeps a text readable where it crosses a line.
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\"{turn} text-anchor=\"{anchor}\" font-size=\"{size}\" \
             fill=\"{colour}\"{weight} paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\">\
             {text}</text>"
        ));
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _written = writeln!(self.text, "{element}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_break_the_chart() {
        let font = Font { size: 12.0, colour: "black", is_bold: false };
        let mut svg = Svg::new(10.0, 10.0, "a < b");
        svg.text([1.0, 2.0], Anchor::Middle, font, "x & <y>");
        let text = svg.finish();
        assert!(text.contains("<title>a &lt; b</title>"), "{text}");
        assert!(text.contains(">x &amp; &lt;y&gt;</text>"), "{text}");
        assert!(text.ends_with("</svg>\n"));
    }
}
