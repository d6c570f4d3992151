//! What a person should know of how a transcript came about: that parts were recognised again or left out.

use crate::api::jobs::Statistics;

/// One line, or nothing where all went smoothly.
pub(super) fn remarks(statistics: Statistics) -> Option<String> {
    let Statistics { windows, full_context_windows, hotter_windows, .. } = statistics;
    // A passage may have been done again in both ways.
    let again = full_context_windows.max(hotter_windows);
    let remarks: Vec<_> = [
        (again > 0).then(|| format!("at least {again} of {} recognised again", counted(windows, "passage"))),
        left_out(statistics.silent_windows, "passage", "without speech after all"),
        left_out(statistics.dropped_loops, "repetition", ""),
        left_out(statistics.dropped_phantoms, "phrase", "that nobody seems to say"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!remarks.is_empty()).then(|| remarks.join("; "))
}

fn left_out(count: u32, what: &str, which: &str) -> Option<String> {
    let which = if which.is_empty() { String::new() } else { format!(" {which}") };
    (count > 0).then(|| format!("{}{which} left out", counted(count, what)))
}

fn counted(count: u32, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_when_all_went_smoothly() {
        assert_eq!(remarks(Statistics { speech: 80.0, windows: 4, ..Statistics::default() }), None);
    }

    #[test]
    fn what_was_done_again_or_left_out_is_said_in_one_line() {
        let much = Statistics {
            windows: 40,
            full_context_windows: 2,
            hotter_windows: 3,
            silent_windows: 1,
            dropped_loops: 1,
            dropped_phantoms: 2,
            ..Statistics::default()
        };
        let expected = "at least 3 of 40 passages recognised again; 1 passage without speech after all left out; \
                        1 repetition left out; 2 phrases that nobody seems to say left out";
        assert_eq!(remarks(much).as_deref(), Some(expected));
        let one = Statistics { windows: 1, hotter_windows: 1, ..Statistics::default() };
        assert_eq!(remarks(one).as_deref(), Some("at least 1 of 1 passage recognised again"));
    }
}
