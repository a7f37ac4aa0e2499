//! A chart of lines as SVG: how samples are distributed, or how rounds went.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::summary::say;

/// Lines over a common axis.
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// The horizontal axis.
    pub x: &'static str,
    /// The vertical axis; begins at 0.
    pub y: &'static str,
    /// The largest horizontal value.
    pub x_max: f64,
    /// Name and points from left to right, evenly spread.
    pub lines: Vec<(String, Vec<f64>)>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 50.0;
const PLOT_WIDTH: f64 = WIDTH - LEFT - 30.0;
const PLOT_HEIGHT: f64 = HEIGHT - TOP - 60.0;
const COLOURS: [&str; 5] = ["#2563eb", "#dc2626", "#16a34a", "#9333ea", "#ca8a04"];
const GRID: usize = 5;

impl Chart {
    /// Writes the file.
    pub fn write(&self, path: &Path) -> Result<()> {
        fs::write(path, self.svg()).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("written: {}", path.display()));
        Ok(())
    }

    fn svg(&self) -> String {
        let all = self.lines.iter().flat_map(|(_, points)| points);
        let y_max = round_up(all.copied().fold(0.0, f64::max));
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        text(&mut out, WIDTH / 2.0, 22.0, "middle", &self.title);
        text(&mut out, LEFT + PLOT_WIDTH / 2.0, HEIGHT - 12.0, "middle", self.x);
        text(&mut out, 8.0, TOP - 10.0, "start", self.y);
        for step in 0..=GRID {
            let share = step as f64 / GRID as f64;
            let (x, y) = (LEFT + share * PLOT_WIDTH, TOP + PLOT_HEIGHT * (1.0 - share));
            let _ =
                writeln!(out, "<path d=\"M{LEFT:.1} {y:.1}h{PLOT_WIDTH:.1}\" stroke=\"#ddd\"/>");
            text(&mut out, LEFT - 8.0, y + 4.0, "end", &tick(share * y_max));
            text(&mut out, x, TOP + PLOT_HEIGHT + 18.0, "middle", &tick(share * self.x_max));
        }
        for (index, ((name, points), colour)) in
            self.lines.iter().zip(COLOURS.iter().cycle()).enumerate()
        {
            let last = points.len().saturating_sub(1).max(1) as f64;
            let path: Vec<String> = points
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    let x = LEFT + index as f64 / last * PLOT_WIDTH;
                    let y = TOP + PLOT_HEIGHT * (1.0 - value / y_max);
                    format!("{x:.1},{y:.1}")
                })
                .collect();
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                path.join(" ")
            );
            let y = TOP + 14.0 + index as f64 * 18.0;
            let _ = writeln!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"12\" height=\"4\" fill=\"{colour}\"/>",
                LEFT + 12.0,
                y - 5.0
            );
            text(&mut out, LEFT + 30.0, y, "start", name);
        }
        out.push_str("</svg>\n");
        out
    }
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ =
        writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn tick(value: f64) -> String {
    if value.fract().abs() < 1e-9 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// The next of 1, 2, 2.5, 5 times a power of ten: a readable end of an axis.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    steps.iter().map(|step| step * power).find(|end| *end >= value).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_holds_its_lines_and_escapes_its_words() {
        let chart = Chart {
            title: "a < b".into(),
            x: "percent",
            y: "ms",
            x_max: 100.0,
            lines: vec![("one".into(), vec![1.0, 2.0, 3.0])],
        };
        let svg = chart.svg();
        assert!(svg.contains("a &lt; b") && svg.contains("polyline"));
        assert_eq!(round_up(3.0), 5.0);
        assert_eq!(round_up(0.021), 0.025);
    }
}
