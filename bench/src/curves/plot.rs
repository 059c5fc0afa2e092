//! Measurements as pictures: lines over axes, in SVG.

use crate::number::short;
use anyhow::{Context as _, Result, anyhow};
use plotters::{
    backend::SVGBackend,
    chart::{ChartBuilder, ChartContext},
    coord::{
        Shift,
        ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter},
        types::RangedCoordf64,
    },
    drawing::{DrawingArea, IntoDrawingArea as _},
    element::{Circle, PathElement, Text},
    prelude::Cartesian2d,
    series::{DashedLineSeries, LineSeries},
    style::{
        Color as _, IntoFont as _, RGBColor, ShapeStyle, TRANSPARENT, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};
use std::{fs, ops::Range, path::Path};

/// Width and height of a picture, in pixels.
const SIZE: (u32, u32) = (860, 440);
/// Of that, what the names of the lines have at the right, where they are in no line's way.
const NAMES_PX: u32 = 200;
/// From the top to the first name, and from each to the next, in pixels.
const NAMES_TOP_PX: i32 = 64;
const NAME_PX: i32 = 24;
/// Okabe and Ito's colours without the pale ones: the colour-blind tell them apart, too.
const PALETTE: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(90, 90, 90),
];
/// Text and axes.
const INK: RGBColor = RGBColor(40, 40, 40);
/// Lines behind the curves.
const GRID: RGBColor = RGBColor(225, 225, 225);
/// Whatever the reader's system has for it.
const FONT: &str = "sans-serif";
/// Pixels of the text at the axes and of the title.
const TEXT_PX: u32 = 16;
const TITLE_PX: u32 = 20;
/// Ticks of a linear axis, about.
const LINEAR_TICKS: f64 = 6.0;
/// Decades up to which a logarithmic axis has ticks at 2 and 5, too.
const FINE_DECADES_MAX: f64 = 3.0;
/// How far an axis goes beyond its outermost points, in parts of its length.
const BEYOND: f64 = 0.04;

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// From 0, in equal steps.
    Linear,
    /// By equal factors.
    Log,
}

impl Scale {
    /// Where a value lies on the axis; none where it has no place there.
    fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear => value,
            Self::Log => value.log10(),
        };
        place.is_finite().then_some(place)
    }

    fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Log => 10_f64.powf(place),
        }
    }
}

/// A line.
#[derive(Clone, Debug)]
pub(super) struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    dashed: bool,
}

impl Series {
    /// A line through those points, from left to right.
    pub(super) fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, dashed: false }
    }

    /// The same, told apart from the others: what it shows is not ours.
    pub(super) fn dashed(self) -> Self {
        Self { dashed: true, ..self }
    }
}

/// A picture.
#[derive(Clone, Debug)]
pub(super) struct Plot {
    /// The file's name without its ending.
    pub(super) name: String,
    /// What stands above it.
    pub(super) title: String,
    /// What goes to the right, with its unit.
    pub(super) x: (String, Scale),
    /// What goes up, with its unit.
    pub(super) y: (String, Scale),
    /// Its lines.
    pub(super) series: Vec<Series>,
}

impl Plot {
    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.lines().next().is_none()
    }

    /// Lines with points, as places on the axes, each with its colour.
    fn lines(&self) -> impl Iterator<Item = (&Series, Vec<(f64, f64)>, RGBColor)> {
        let (of_x, of_y) = (self.x.1, self.y.1);
        let placed = move |series: &Series| -> Vec<(f64, f64)> {
            let points = series.points.iter();
            points.filter_map(|(x, y)| Some((of_x.place(*x)?, of_y.place(*y)?))).collect()
        };
        let with_points = self.series.iter().map(move |series| (series, placed(series)));
        let with_points = with_points.filter(|(_, points)| !points.is_empty());
        with_points.zip(PALETTE.iter().cycle()).map(|((series, points), colour)| (series, points, *colour))
    }
}

/// Where an axis begins and ends, and its ticks: all as places.
#[derive(Clone, Debug, PartialEq)]
struct Axis {
    scale: Scale,
    begin: f64,
    end: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// For those places.
    fn of(scale: Scale, places: impl Iterator<Item = f64> + Clone) -> Self {
        let (low, high) =
            (places.clone().fold(f64::INFINITY, f64::min), places.fold(f64::NEG_INFINITY, f64::max));
        match scale {
            Scale::Linear => Self::linear(high),
            Scale::Log => Self::logarithmic(low, high),
        }
    }

    fn linear(high: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let rough = high / LINEAR_TICKS;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].map(|of| of * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(10.0 * decade);
        let end = (high / step).ceil() * step;
        let ticks = std::iter::successors(Some(0.0), |tick| Some(tick + step));
        Self {
            scale: Scale::Linear,
            begin: 0.0,
            end,
            ticks: ticks.take_while(|tick| *tick < end + step / 2.0).collect(),
        }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        // One point has a place of its own, too.
        let beyond = ((high - low) * BEYOND).max(0.05);
        let (begin, end) = (low - beyond, high + beyond);
        let fine: &[f64] = if end - begin <= FINE_DECADES_MAX { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let decades = std::iter::successors(Some(begin.floor()), |decade| Some(decade + 1.0));
        let ticks = decades.take_while(|decade| *decade <= end).flat_map(|decade| {
            fine.iter().map(move |of| decade + of.log10()).filter(|tick| (begin..=end).contains(tick))
        });
        Self { scale: Scale::Log, begin, end, ticks: ticks.collect() }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, pixels: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(place, pixels)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.begin..self.end
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, place: &f64) -> String {
        label(self.scale, *place)
    }
}

/// Writes the picture into a folder; nothing where there is nothing to draw.
pub(super) fn save(plot: &Plot, folder: &Path) -> Result<()> {
    if plot.is_empty() {
        return Ok(());
    }
    let file = folder.join(format!("{}.svg", plot.name));
    fs::write(&file, svg(plot)?).with_context(|| format!("cannot write {}", file.display()))
}

/// The picture as SVG.
fn svg(plot: &Plot) -> Result<String> {
    let mut text = String::new();
    draw(plot, &SVGBackend::with_string(&mut text, SIZE).into_drawing_area())
        .with_context(|| format!("cannot draw {}", plot.name))?;
    Ok(text)
}

type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'b, SVGBackend<'a>, Cartesian2d<Axis, Axis>>;

fn draw(plot: &Plot, canvas: &Canvas<'_>) -> Result<()> {
    let lines: Vec<_> = plot.lines().collect();
    let points = lines.iter().flat_map(|(_, points, _)| points);
    let x = Axis::of(plot.x.1, points.clone().map(|point| point.0));
    let y = Axis::of(plot.y.1, points.map(|point| point.1));
    let wrong = |error| anyhow!("{error}");
    // On a page of any colour.
    canvas.fill(&WHITE).map_err(wrong)?;
    let (of_chart, of_names) = canvas.split_horizontally(SIZE.0 - NAMES_PX);
    let mut chart = ChartBuilder::on(&of_chart)
        .caption(&plot.title, (FONT, TITLE_PX).into_font().color(&INK))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)
        .map_err(wrong)?;
    let text = (FONT, TEXT_PX).into_font().color(&INK);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(text.clone())
        .axis_desc_style(text)
        .x_desc(&plot.x.0)
        .y_desc(&plot.y.0)
        .draw()
        .map_err(wrong)?;
    for ((series, points, colour), nth) in lines.iter().zip(0..) {
        line(&mut chart, series, points, *colour)?;
        name(&of_names, series, NAMES_TOP_PX + nth * NAME_PX, *colour)?;
    }
    canvas.present().map_err(wrong)
}

fn line(chart: &mut Chart<'_, '_>, series: &Series, points: &[(f64, f64)], colour: RGBColor) -> Result<()> {
    let wrong = |error| anyhow!("{error}");
    let stroke: ShapeStyle = colour.stroke_width(2);
    let path = points.iter().copied();
    if series.dashed {
        chart.draw_series(DashedLineSeries::new(path, 6, 4, stroke)).map_err(wrong)?;
    } else {
        chart.draw_series(LineSeries::new(path, stroke)).map_err(wrong)?;
    }
    let dots = points.iter().map(|point| Circle::new(*point, 3, colour.filled()));
    chart.draw_series(dots).map_err(wrong)?;
    Ok(())
}

/// A line's name behind a piece of the line.
fn name(canvas: &Canvas<'_>, series: &Series, y: i32, colour: RGBColor) -> Result<()> {
    let wrong = |error| anyhow!("{error}");
    let pieces: &[[i32; 2]] = if series.dashed { &[[0, 6], [10, 16]] } else { &[[0, 16]] };
    for piece in pieces {
        let piece = piece.map(|x| (x, y));
        canvas.draw(&PathElement::new(piece, colour.stroke_width(2))).map_err(wrong)?;
    }
    let style = (FONT, TEXT_PX).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    canvas.draw(&Text::new(series.name.as_str(), (24, y), style)).map_err(wrong)
}

/// A tick in words, without zeros that tell nothing.
fn label(scale: Scale, place: f64) -> String {
    let text = short(scale.value(place));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: &[(f64, f64)]) -> Plot {
        Plot {
            name: "name".into(),
            title: "A title".into(),
            x: ("things".into(), Scale::Log),
            y: ("milliseconds".into(), Scale::Linear),
            series: vec![
                Series::new("ours", points.to_vec()),
                Series::new("baseline", points.to_vec()).dashed(),
                Series::new("nobody's", Vec::new()),
            ],
        }
    }

    #[test]
    fn a_picture_names_its_axes_and_lines_and_has_a_background_of_its_own() {
        let text = svg(&plot(&[(100.0, 3.0), (1_000.0, 4.0)])).unwrap();
        for words in
            ["A title", "things", "milliseconds", "ours", "baseline", "#FFFFFF", "#0072B2", "#D55E00"]
        {
            assert!(text.contains(words), "{words} is missing: {text}");
        }
        assert!(!text.contains("nobody"));
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn one_point_is_a_picture() {
        svg(&plot(&[(100.0, 0.0)])).unwrap();
    }

    #[test]
    fn what_has_no_place_on_an_axis_is_left_out() {
        let nowhere = [(0.0, 1.0), (-1.0, 1.0), (1.0, f64::NAN), (f64::INFINITY, 1.0)];
        assert!(plot(&nowhere).is_empty());
        assert!(!plot(&[(0.0, 1.0), (2.0, 1.0)]).is_empty());
    }

    #[test]
    fn nothing_is_written_where_there_is_nothing_to_draw() {
        let folder = tempfile::tempdir().unwrap();
        save(&plot(&[]), folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        save(&plot(&[(1.0, 1.0)]), folder.path()).unwrap();
        assert!(folder.path().join("name.svg").is_file());
    }

    #[test]
    fn a_linear_axis_begins_at_nought_and_has_round_ticks() {
        let axis = Axis::of(Scale::Linear, [3.0, 11.0].into_iter());
        assert_eq!((axis.begin, axis.end), (0.0, 12.0));
        assert_eq!(axis.ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    }

    #[test]
    fn a_logarithmic_axis_has_ticks_at_one_two_and_five() {
        let axis = Axis::of(Scale::Log, [2.0, 4.0].into_iter());
        let ticks: Vec<_> = axis.ticks.iter().map(|tick| label(Scale::Log, *tick)).collect();
        assert_eq!(ticks, ["100", "200", "500", "1,000", "2,000", "5,000", "10,000"]);
        let wide = Axis::of(Scale::Log, [-1.0, 4.0].into_iter());
        assert_eq!(wide.ticks, [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn a_tick_has_no_zeros_that_tell_nothing() {
        let labels = [0.0, 0.5, 20.0, 1_500.0].map(|place| label(Scale::Linear, place));
        assert_eq!(labels, ["0", "0.5", "20", "1,500"]);
    }
}
