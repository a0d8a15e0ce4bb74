//! The report: one HTML file that needs nothing else.

use super::charts::{Entry, Line, bars, dots, lines};
use super::row::{COLUMNS, cells, gain};
use super::sizes::{Growth, Sizes};
use crate::plot::Drawn;
use wgloss_bench::{Curve, Place, Point, Row, Site};

const STYLE: &str = include_str!("style.css");
/// By how much a curve may vary and still be called linear or constant.
const CLOSE: f64 = 0.2;

/// The whole page.
pub(super) fn page(sites: &[Site], rows: &[Row], sizes: &Sizes) -> Result<String, String> {
    let body = body(sites, rows, sizes).map_err(|error| error.to_string())?;
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>wgloss bench</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    ))
}

fn body(sites: &[Site], rows: &[Row], sizes: &Sizes) -> Drawn<String> {
    let mut text = format!("<h1>wgloss {} bench</h1>\n", env!("CARGO_PKG_VERSION"));
    for site in sites {
        let (series, name) = (series(site.place()), escaped(&site.name));
        let roof = site.roof / 1e9;
        text += &format!(
            "<p><span class=\"key series{series}\">{}</span>{name}; ",
            title(site.place())
        );
        text += &format!("a copy moves {roof:.1} GB/s</p>\n");
    }
    text += "<h2>Time by workload</h2>\n<p>The median in milliseconds.</p>\n";
    text += &dots(&entries(rows, sites, |row| row.median_ms))?;
    text += "<h2>Share of the roof</h2>\n<p>The bytes that must move, each input and each output \
             once, over the time, in percent of what a copy moves. What caches hold, and what is \
             read but not written, may be above 100 %; what computes much is far below.</p>\n";
    text += &bars(&entries(rows, sites, |row| row.roof_percent))?;
    text += "<h2>Numbers</h2>\n";
    text += &table(sites, rows);
    text += "<h2>Where the GPU wins</h2>\n<p>Milliseconds for value and gradients against elements, \
             by the host's clock, for data that lie in the GPU's memory, and with the upload and the \
             read-back for data that do not.</p>\n";
    for curve in &sizes.places {
        text += &places(curve)?;
    }
    text += "<h2>Growth</h2>\n<p>On the GPU. How linear a curve is, its four largest sizes tell; smaller \
             ones take as long as a dispatch does.</p>\n";
    text += &growth("Time against elements", "ms", &sizes.time)?;
    text += &growth("Scratch memory against elements", "bytes", &sizes.scratch)?;
    text += &growth("Time of linear_cross_entropy against N, D and V", "ms", &sizes.linear_time)?;
    let title = "Scratch memory of linear_cross_entropy against N, D and V";
    text += &growth(title, "bytes", &sizes.linear_scratch)?;
    if !sizes.left_out.is_empty() {
        let items = sizes.left_out.iter().map(|item| format!("<li>{}</li>\n", escaped(item)));
        text += &format!("<h2>Left out</h2>\n<ul>\n{}</ul>\n", items.collect::<String>());
    }
    Ok(text)
}

/// The numbers of the rows by workload.
fn entries<'a>(
    rows: &'a [Row],
    sites: &[Site],
    number: impl Fn(&Row) -> Option<f64>,
) -> Vec<Entry<'a>> {
    let of = |rows: &'a [Row]| {
        let numbers = rows.iter().filter_map(|row| Some((series(row.backend), number(row)?)));
        Entry { name: &rows[0].workload, numbers: numbers.collect() }
    };
    rows.chunks(sites.len()).map(of).collect()
}

fn table(sites: &[Site], rows: &[Row]) -> String {
    let heads = ["workload", ""].iter().chain(&COLUMNS).chain(&["gpu gain"]);
    let heads: String = heads.map(|head| format!("<th>{head}</th>")).collect();
    let mut text = format!("<div class=\"scroll\"><table>\n<tr>{heads}</tr>\n");
    for rows in rows.chunks(sites.len()) {
        for row in rows {
            text += &format!("<tr><td>{}</td><td>{}</td>", row.workload, row.backend.name());
            match cells(row) {
                Ok(cells) => {
                    let cells = cells.into_iter().chain([gain(row, rows)]);
                    text += &cells.map(|cell| format!("<td>{cell}</td>")).collect::<String>();
                }
                Err(problem) => {
                    let cells = COLUMNS.len() + 1;
                    let problem = escaped(problem);
                    text += &format!("<td class=\"problem\" colspan=\"{cells}\">{problem}</td>");
                }
            }
            text += "</tr>\n";
        }
    }
    text + "</table></div>\n"
}

/// One loss on the GPU, with and without transfers, and on the CPU.
fn places(curve: &Curve) -> Drawn<String> {
    type Time = fn(&Point) -> Option<f64>;
    let kinds: [(&str, usize, Time, Option<f64>); 3] = [
        ("GPU", 0, |point| point.gpu_ms, curve.gpu_wins_from),
        (
            "GPU with transfers",
            2,
            |point| point.gpu_with_transfers_ms,
            curve.gpu_with_transfers_wins_from,
        ),
        ("CPU", 1, |point| point.cpu_ms, None),
    ];
    #[expect(clippy::cast_precision_loss, reason = "a place in a chart")]
    let points = kinds.map(|(.., time, _)| {
        let point = |point: &Point| Some((point.elements as f64, time(point)?));
        curve.points().iter().filter_map(point).collect::<Vec<_>>()
    });
    let (mut drawn, mut marks, mut sentences) = (Vec::new(), Vec::new(), Vec::new());
    for ((kind, color, _, from), points) in kinds.into_iter().zip(&points) {
        if points.is_empty() {
            continue;
        }
        drawn.push(Line { name: kind, color, points });
        if kind != "CPU" && curve.points().iter().any(|point| point.cpu_ms.is_some()) {
            marks.extend(from.map(|size| (color, size)));
            sentences.push(match from {
                Some(size) => format!("{kind}: faster than the CPU from about {size:.0} elements."),
                None => format!("{kind}: slower than the CPU at the largest size."),
            });
        }
    }
    let chart = lines("ms", &drawn, &marks)?;
    Ok(format!("<h3>{}</h3>\n<p>{}</p>\n{chart}", curve.family, sentences.join(" ")))
}

/// Curves against sizes, and how linear they are.
fn growth(title: &str, unit: &str, curves: &[Growth]) -> Drawn<String> {
    if curves.iter().all(|curve| curve.points.is_empty()) {
        return Ok(String::new());
    }
    let drawn = curves.iter().zip(0..);
    let drawn =
        drawn.map(|(curve, color)| Line { name: &curve.name, color, points: &curve.points });
    let chart = lines(unit, &drawn.collect::<Vec<_>>(), &[])?;
    let sentences: Vec<_> = curves.iter().filter_map(linearity).collect();
    Ok(format!("<h3>{title}</h3>\n<p>{}</p>\n{chart}", sentences.join(" ")))
}

fn linearity(curve: &Growth) -> Option<String> {
    let [of_shares, of_all] = curve.spreads()?;
    let verdict = match () {
        () if of_shares <= CLOSE => "linear within 20 %",
        () if of_all <= CLOSE => "constant within 20 %",
        () => "neither linear nor constant within 20 %",
    };
    let percent = 100.0 * of_shares;
    Some(format!("{}: {verdict}; what falls to an element varies by {percent:.0} %.", curve.name))
}

/// The place of a backend's colour.
fn series(place: Place) -> usize {
    match place {
        Place::Gpu => 0,
        Place::Cpu => 1,
    }
}

fn title(place: Place) -> &'static str {
    match place {
        Place::Gpu => "GPU",
        Place::Cpu => "CPU",
    }
}

/// Text that HTML does not take for tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
