//! What commands found, as tables for people. Programs get JSON instead.

use escriba_database::{limits::Limits, workspaces::Workspace};

use crate::app::{
    apply_retention::RetentionReport,
    housekeeping::{Mode, Named, Tally},
    sweep_orphans::SweepReport,
};

const KEPT: &str = "left alone";

pub(super) fn sweep(report: &SweepReport, mode: Mode) -> String {
    let gone = outcome(mode);
    let mut rows = vec![head()];
    rows.push(tally("objects that no job needs", report.orphans, gone));
    rows.push(tally("unfinished uploads", report.unfinished_uploads, gone));
    rows.push(row("empty folders", report.empty_folders.count, String::new(), gone));
    rows.push(tally("needed, or too young to judge", report.kept, KEPT));
    rows.push(tally("of workspaces not in this database", report.foreign, KEPT));
    rows.push(row("nothing of ours", report.unknown.count, String::new(), KEPT));
    aligned(&rows) + &names("nothing of ours", &report.unknown)
}

pub(super) fn retention(report: &RetentionReport, mode: Mode) -> String {
    let gone = outcome(mode);
    aligned(&[
        head(),
        tally("jobs with their transcripts", report.jobs, gone),
        tally("recordings whose job stays", report.recordings, gone),
    ])
}

pub(super) fn workspaces(all: &[(Workspace, Limits)]) -> String {
    let head = ["ID", "NAME", "CREATED", "SHARE", "KEEPS RECORDINGS", "KEEPS TRANSCRIPTS", "LIMITS"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for (workspace, limits) in all {
        rows.push(vec![
            workspace.id.to_string(),
            // A name with a line break must not make up a row.
            workspace.name.escape_debug().to_string(),
            workspace.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            workspace.weight.to_string(),
            days(workspace.keep_media_days),
            days(workspace.keep_transcripts_days),
            told(limits),
        ]);
    }
    aligned(&rows)
}

/// Those that are set, one after the other.
fn told(limits: &Limits) -> String {
    let minutes = |ms: u64| format!("{} min a recording", ms / super::MINUTE_MS);
    let requests = |requests: u32| match requests {
        0 => "any number of requests".to_owned(),
        some => format!("{some} requests/min"),
    };
    let set = [
        limits.max_upload_bytes.map(|bytes| format!("{} a recording", size(bytes))),
        limits.max_audio_ms.map(minutes),
        limits.max_unfinished_jobs.map(|jobs| format!("{jobs} unfinished jobs")),
        limits.requests_per_minute.map(requests),
    ];
    let set: Vec<String> = set.into_iter().flatten().collect();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}

const fn outcome(mode: Mode) -> &'static str {
    match mode {
        Mode::Apply => "deleted",
        Mode::DryRun => "would be deleted",
    }
}

fn head() -> Vec<String> {
    ["WHAT", "COUNT", "SIZE", "OUTCOME"].map(str::to_owned).to_vec()
}

fn tally(what: &str, tally: Tally, outcome: &str) -> Vec<String> {
    row(what, tally.count, size(tally.bytes), outcome)
}

fn row(what: &str, count: u64, size: String, outcome: &str) -> Vec<String> {
    vec![what.to_owned(), count.to_string(), size, outcome.to_owned()]
}

fn names(what: &str, named: &Named) -> String {
    let lines = named.names.iter().map(|name| format!("{what}: {}\n", name.escape_debug()));
    let told: String = lines.collect();
    match named.count - named.names.len() as u64 {
        0 => told,
        more => format!("{told}and {more} more\n"),
    }
}

fn days(days: Option<u32>) -> String {
    match days {
        None => "for ever".to_owned(),
        Some(1) => "1 day".to_owned(),
        Some(days) => format!("{days} days"),
    }
}

/// Bytes in the largest unit that leaves a whole number, with one decimal.
fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "B";
    for next in units {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1_000;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// Columns as wide as their widest cell, with nothing after the last.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use escriba_domain::WorkspaceId;

    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let expected = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (1_999, "1.9 kB"),
            (999_999, "999.9 kB"),
            (8_589_934_592, "8.5 GB"),
            (u64::MAX, "18446744.0 TB"),
        ];
        for (bytes, text) in expected {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_sweep_is_told_line_by_line() {
        let mut report = SweepReport { orphans: Tally { count: 12, bytes: 1_200_000 }, ..SweepReport::default() };
        for nth in 0..22 {
            report.unknown.add(format!("notes-{nth}\n.txt"));
        }
        let text = sweep(&report, Mode::DryRun);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "WHAT                                COUNT  SIZE    OUTCOME");
        assert_eq!(lines[1], "objects that no job needs           12     1.2 MB  would be deleted");
        assert_eq!(lines[6], "nothing of ours                     22             left alone");
        assert_eq!(lines[7], "nothing of ours: notes-0\\n.txt");
        assert_eq!(lines[27], "and 2 more");
    }

    #[test]
    fn a_workspace_is_one_row() {
        let workspace = Workspace {
            id: WorkspaceId::new(),
            name: "ac\nme".to_owned(),
            weight: 1,
            keep_media_days: Some(1),
            keep_transcripts_days: None,
            created_at: chrono::DateTime::from_timestamp(0, 0).unwrap(),
        };
        let id = workspace.id;
        let limits = Limits {
            max_upload_bytes: Some(5_000_000),
            max_audio_ms: Some(5_400_000),
            max_unfinished_jobs: Some(3),
            requests_per_minute: Some(0),
        };
        let text = workspaces(&[(workspace.clone(), limits), (workspace, Limits::default())]);
        let row = format!(
            "{id}  ac\\nme  1970-01-01 00:00 UTC  1      1 day             for ever           5.0 MB a recording, 90 min a \
             recording, 3 unfinished jobs, any number of requests"
        );
        assert!(text.ends_with("for ever           none\n"), "{text}");
        assert_eq!(text.lines().nth(1), Some(row.as_str()));
    }
}
