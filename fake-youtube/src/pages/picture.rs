//! The picture of a video: always the same for the same id, with its length in a corner.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point, Rect,
    SpreadMode, Transform,
};

use super::draws::Draws;
use super::video::expected;

/// The size of YouTube's `mqdefault`.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;
/// The digits and the colon, five rows of three pixels each, the highest bit left.
const GLYPHS: [[u8; 5]; 11] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
    [0b000, 0b010, 0b000, 0b010, 0b000],
];
const COLON: usize = 10;
/// How large a pixel of a glyph is drawn.
const SCALE: f32 = 3.0;

/// Returns the picture of a video as PNG; `None` if it cannot be drawn.
pub fn png(id: &str) -> Option<Vec<u8>> {
    let mut draws = Draws::new(0, &["picture", id]);
    let mut pixmap = Pixmap::new(WIDTH, HEIGHT)?;
    let hue = draws.fraction() as f32;
    sky(&mut pixmap, &mut draws, hue)?;
    for number in 0..3 + draws.below(4) {
        shape(&mut pixmap, &mut draws, hue + 0.08 * number as f32)?;
    }
    length(&mut pixmap, expected(id).length_seconds)?;
    encode(&pixmap)
}

/// Fills the picture with two neighbouring colors.
fn sky(pixmap: &mut Pixmap, draws: &mut Draws, hue: f32) -> Option<()> {
    let end = Point::from_xy(WIDTH as f32 * draws.fraction() as f32, HEIGHT as f32);
    let stops = vec![
        GradientStop::new(0.0, color(hue, 0.55, 0.30, 1.0)?),
        GradientStop::new(1.0, color(hue + 0.12, 0.65, 0.62, 1.0)?),
    ];
    let start = Point::from_xy(0.0, 0.0);
    let shader = LinearGradient::new(start, end, stops, SpreadMode::Pad, Transform::identity())?;
    let paint = Paint { shader, ..Paint::default() };
    let all = Rect::from_xywh(0.0, 0.0, WIDTH as f32, HEIGHT as f32)?;
    pixmap.fill_rect(all, &paint, Transform::identity(), None);
    Some(())
}

/// Adds a circle, a hill or a bar that lets through what is behind it.
fn shape(pixmap: &mut Pixmap, draws: &mut Draws, hue: f32) -> Option<()> {
    let mut draw = |from: f32, to: f32| from + (to - from) * draws.fraction() as f32;
    let (x, y, size) = (draw(0.0, WIDTH as f32), draw(20.0, HEIGHT as f32), draw(18.0, 80.0));
    let kind = draw(0.0, 3.0);
    let path: Path = if kind < 1.4 {
        PathBuilder::from_circle(x, y, size)?
    } else if kind < 2.3 {
        let mut hill = PathBuilder::new();
        hill.move_to(x - size * 1.6, HEIGHT as f32);
        hill.quad_to(x, HEIGHT as f32 - size * 2.4, x + size * 1.6, HEIGHT as f32);
        hill.close();
        hill.finish()?
    } else {
        PathBuilder::from_rect(Rect::from_xywh(x, y, size * 1.8, size * 0.35)?)
    };
    let mut paint = Paint::default();
    paint.set_color(color(hue, 0.6, draw(0.45, 0.8), draw(0.25, 0.6))?);
    pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    Some(())
}

/// Writes the length in the lower right corner, as on YouTube.
fn length(pixmap: &mut Pixmap, seconds: u64) -> Option<()> {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let text = if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    };
    let width = text.len() as f32 * 4.0 * SCALE + 2.0 * SCALE;
    let (left, top) = (WIDTH as f32 - width - 8.0, HEIGHT as f32 - 9.0 * SCALE - 8.0);
    let mut fill = |x: f32, y: f32, width: f32, height: f32, color: Color| {
        let mut paint = Paint::default();
        paint.set_color(color);
        let area = Rect::from_xywh(x, y, width, height)?;
        pixmap.fill_rect(area, &paint, Transform::identity(), None);
        Some(())
    };
    fill(left, top, width, 9.0 * SCALE, Color::from_rgba(0.0, 0.0, 0.0, 0.8)?)?;
    for (position, character) in text.chars().enumerate() {
        let glyph = GLYPHS[character.to_digit(10).map_or(COLON, |digit| digit as usize)];
        for (row, bits) in glyph.into_iter().enumerate() {
            for column in (0..3).filter(|column| bits & (0b100 >> column) != 0) {
                let x = left + (position as f32 * 4.0 + 1.5 + column as f32) * SCALE;
                let y = top + (row as f32 + 2.0) * SCALE;
                fill(x, y, SCALE, SCALE, Color::WHITE)?;
            }
        }
    }
    Some(())
}

/// Returns a color of hue, saturation and lightness, each from 0 to 1.
fn color(hue: f32, saturation: f32, lightness: f32, alpha: f32) -> Option<Color> {
    let reach = saturation * lightness.min(1.0 - lightness);
    let part = |offset: f32| {
        let k = (offset + hue.rem_euclid(1.0) * 12.0) % 12.0;
        lightness - reach * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
    };
    Color::from_rgba(part(0.0), part(8.0), part(4.0), alpha)
}

/// Writes the pixels, which are opaque, as PNG.
fn encode(pixmap: &Pixmap) -> Option<Vec<u8>> {
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in pixmap.pixels().chunks(WIDTH as usize) {
        // Each pixel as its difference from the one before it (filter 1), which compresses better.
        let mut line = vec![1];
        let mut before = [0_u8; 3];
        for pixel in row {
            let pixel = [pixel.red(), pixel.green(), pixel.blue()];
            line.extend(pixel.iter().zip(before).map(|(now, before)| now.wrapping_sub(before)));
            before = pixel;
        }
        rows.write_all(&line).ok()?;
    }
    let mut header = [WIDTH.to_be_bytes(), HEIGHT.to_be_bytes()].concat();
    // Eight bits of red, green and blue.
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", rows.finish().ok()?), (b"IEND", Vec::new())] {
        let mut sum = Crc::new();
        sum.update(name);
        sum.update(&data);
        png.extend(u32::try_from(data.len()).ok()?.to_be_bytes());
        png.extend(name);
        png.extend(data);
        png.extend(sum.sum().to_be_bytes());
    }
    Some(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_has_one_picture_and_another_video_another() {
        let first = png("dQw4w9WgXcQ").unwrap();
        assert_eq!(first, png("dQw4w9WgXcQ").unwrap());
        assert_ne!(first, png("5fR9AHlSDtc").unwrap());
        assert!((1_000..60_000).contains(&first.len()), "{} bytes", first.len());
    }
}
