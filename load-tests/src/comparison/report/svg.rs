//! The few shapes that a plot is made of, as SVG text.

use std::fmt::Write as _;

/// Where a text lies to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
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

/// A picture that grows.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// An empty one, white, with a title for those who cannot see it.
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self { text: String::new() };
        svg.add(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" \
             font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">"
        ));
        svg.add(format_args!("<title>{}</title>", escaped(title)));
        svg.add(format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>"));
        svg
    }

    pub(super) fn line(
        &mut self,
        [from_x, from_y]: [f64; 2],
        [to_x, to_y]: [f64; 2],
        stroke: Stroke,
    ) {
        self.add(format_args!(
            "<line x1=\"{from_x:.1}\" y1=\"{from_y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" {}/>",
            attributes(stroke)
        ));
    }

    pub(super) fn polyline(&mut self, points: impl IntoIterator<Item = [f64; 2]>, stroke: Stroke) {
        let points: Vec<String> =
            points.into_iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
        self.add(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke-linejoin=\"round\" {}/>",
            points.join(" "),
            attributes(stroke)
        ));
    }

    pub(super) fn dot(&mut self, [x, y]: [f64; 2], radius: f64, colour: &str) {
        self.add(format_args!(
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\" stroke=\"white\" stroke-width=\"1.5\"/>"
        ));
    }

    pub(super) fn text(&mut self, [x, y]: [f64; 2], anchor: Anchor, font: Font, words: &str) {
        self.write_text(x, y, "", anchor, font, words);
    }

    /// Read from below, for the axis on the left.
    pub(super) fn text_upwards(&mut self, [x, y]: [f64; 2], font: Font, words: &str) {
        let turn = format!(" transform=\"rotate(-90 {x:.1} {y:.1})\"");
        self.write_text(x, y, &turn, Anchor::Middle, font, words);
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn write_text(&mut self, x: f64, y: f64, turn: &str, anchor: Anchor, font: Font, words: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if font.is_bold { " font-weight=\"600\"" } else { "" };
        // A white edge keeps words readable where they cross a line.
        self.add(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\"{turn} text-anchor=\"{anchor}\" font-size=\"{}\" fill=\"{}\"{weight} \
             paint-order=\"stroke\" stroke=\"white\" stroke-width=\"3\">{}</text>",
            font.size,
            font.colour,
            escaped(words)
        ));
    }

    fn add(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _written = writeln!(self.text, "{element}");
    }
}

fn attributes(Stroke { colour, width, is_dashed }: Stroke) -> String {
    let dashes = if is_dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    format!("stroke=\"{colour}\" stroke-width=\"{width}\"{dashes}")
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_cannot_break_the_picture() {
        let font = Font { size: 12.0, colour: "black", is_bold: false };
        let mut svg = Svg::new(10.0, 10.0, "a < b");
        svg.text([1.0, 2.0], Anchor::Middle, font, "x & <y>");
        let text = svg.finish();
        assert!(text.contains("<title>a &lt; b</title>"), "{text}");
        assert!(text.contains(">x &amp; &lt;y&gt;</text>"), "{text}");
        assert!(text.ends_with("</svg>\n"));
    }
}
