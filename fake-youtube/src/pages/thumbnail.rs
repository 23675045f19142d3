//! The thumbnail of a video: always the same for the same id.

use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point, Rect,
    SpreadMode, Transform,
};

use super::draws::Draws;

/// The size of YouTube's `mqdefault`.
const WIDTH: u32 = 320;
const HEIGHT: u32 = 180;

/// Returns the thumbnail of a video as PNG; `None` if it cannot be drawn.
pub fn png(id: &str) -> Option<Vec<u8>> {
    let mut draws = Draws::new(0, &["thumbnail", id]);
    let mut pixmap = Pixmap::new(WIDTH, HEIGHT)?;
    let hue = draws.fraction() as f32;
    sky(&mut pixmap, &mut draws, hue)?;
    for number in 0..3 + draws.below(4) {
        shape(&mut pixmap, &mut draws, hue + 0.08 * number as f32)?;
    }
    encode(&pixmap)
}

/// Fills the thumbnail with two neighbouring colors.
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
    fn a_video_has_one_thumbnail_and_another_video_another() {
        let first = png("dQw4w9WgXcQ").unwrap();
        assert_eq!(first, png("dQw4w9WgXcQ").unwrap());
        assert_ne!(first, png("5fR9AHlSDtc").unwrap());
        assert!((1_000..60_000).contains(&first.len()), "{} bytes", first.len());
    }
}
