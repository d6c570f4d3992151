//! Figures as people and programs read them: rows of a table, and one line of JSON.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

/// What one measurement found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    figures: Vec<Figure>,
}

#[derive(Debug)]
struct Figure {
    what: String,
    value: f64,
    unit: &'static str,
    aim: Option<&'static str>,
}

impl Report {
    pub(crate) const HEAD: &str = "| what | figure | aim |\n|---|---|---|";

    pub(crate) fn add(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { what: what.into(), value, unit, aim: None });
    }

    pub(crate) fn add_with_aim(&mut self, what: impl Into<String>, value: f64, unit: &'static str, aim: &'static str) {
        self.figures.push(Figure { what: what.into(), value, unit, aim: Some(aim) });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Figure { what, value, unit, aim } in &self.figures {
            let digits = if value.abs() >= 100.0 { 0 } else { 2 };
            writeln!(f, "| {what} | {value:.digits$} {unit} | {} |", aim.unwrap_or_default())?;
        }
        Ok(())
    }
}

/// Everything on one line.
pub(crate) fn json(reports: &[Report]) -> Value {
    let figures = reports.iter().flat_map(|report| &report.figures);
    let figures = figures
        .map(|Figure { what, value, unit, aim }| json!({ "what": what, "value": value, "unit": unit, "aim": aim }));
    Value::Array(figures.collect())
}

/// Milliseconds that so many of a hundred took at the most: nearest rank. None took no time.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

#[expect(clippy::cast_precision_loss, reason = "what is counted here is far below 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}
