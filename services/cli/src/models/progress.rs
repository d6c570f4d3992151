//! Progress bars on standard error. Where that is no terminal, one plain line a step stands in for a bar, so that a
//! log shows what was going on.

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{msg}  {wide_bar}  {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";

/// A bar over `total` bytes; `label` says what is being done.
pub(crate) fn bytes(label: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if bar.is_hidden() {
        eprintln!("{label} …");
    }
    bar.with_message(label.to_owned())
        .with_style(ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
