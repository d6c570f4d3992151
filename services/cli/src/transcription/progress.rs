//! What a person sees of one file on its way: a bar on a terminal, now and then a plain line elsewhere. Nothing here
//! changes what happens.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{BinaryBytes, ProgressBar};

use super::remarks;
use crate::{
    api::{
        events,
        jobs::{Chunks, Job, Place},
    },
    screen::Screen,
};

/// Between two plain lines about one file.
const LINES_EVERY: Duration = Duration::from_secs(3);
/// Steps of the bar.
const FULL: f64 = 1000.0;

/// The progress of one file. Clones show on the same bar.
#[derive(Debug, Clone)]
pub(super) struct FileProgress {
    screen: Screen,
    name: String,
    bar: ProgressBar,
    last_line: Arc<Mutex<Option<Instant>>>,
    /// As of the last look at the job.
    chunks: Arc<Mutex<Chunks>>,
}

impl FileProgress {
    pub(super) fn new(screen: &Screen, file: &Path) -> Self {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let bar = screen.bar(&name);
        Self { bar, screen: screen.clone(), name, last_line: Arc::default(), chunks: Arc::default() }
    }

    pub(super) fn uploading(&self, sent: u64, size: u64) {
        let ratio = if size == 0 { 1.0 } else { as_float(sent) / as_float(size) };
        self.show(ratio, &format!("uploading, {} of {}", BinaryBytes(sent), BinaryBytes(size)));
    }

    pub(super) fn queued(&self) {
        self.show(0.0, "waiting for a transcriber");
    }

    pub(super) fn started(&self) {
        self.show(0.0, "transcribing");
    }

    pub(super) fn transcribing(&self, progress: events::Progress) {
        let ratio = progress.duration.filter(|duration| *duration > 0.0).map(|duration| progress.processed / duration);
        let chunks = *self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(ratio.unwrap_or(0.0), &format!("{}{}", describe(progress), shared(chunks)));
    }

    /// What the job itself says, and its events do not.
    pub(super) fn looked_at(&self, job: &Job) {
        *self.chunks.lock().unwrap_or_else(PoisonError::into_inner) = job.chunks.unwrap_or_default();
        if let Some(place) = job.queue {
            self.show(0.0, &waiting(place));
        }
    }

    pub(super) fn out_of_touch(&self) {
        self.bar.set_message("connection lost, trying again");
    }

    pub(super) fn done(&self, job: &Job) {
        self.bar.finish_and_clear();
        let name = &self.name;
        for warning in &job.warnings {
            self.screen.line(format_args!("{name}: warning: {} ({})", warning.message, warning.code));
        }
        self.screen.line(format_args!("{name}: {}", summary(job)));
        if let Some(remarks) = job.statistics.and_then(remarks::remarks) {
            self.screen.line(format_args!("{name}: {remarks}"));
        }
    }

    pub(super) fn failed(&self, why: &str) {
        self.bar.finish_and_clear();
        self.screen.line(format_args!("{}: failed: {why}", self.name));
    }

    fn show(&self, ratio: f64, message: &str) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the bar's steps")]
        self.bar.set_position((ratio.clamp(0.0, 1.0) * FULL) as u64);
        self.bar.set_message(message.to_owned());
        if !self.screen.interactive() && self.line_is_due() {
            self.screen.line(format_args!("{}: {message}", self.name));
        }
    }

    fn line_is_due(&self) -> bool {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last.is_none_or(|last| last.elapsed() >= LINES_EVERY);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

/// `waiting, place 3 (about 40 s)`, with the time until it is transcribed, if that is known.
pub(crate) fn waiting(place: Place) -> String {
    let time = place.time_to_completion.map(|seconds| format!(" ({})", roughly(seconds))).unwrap_or_default();
    format!("waiting, place {}{time}", place.position)
}

/// How many work on a long recording; nothing of a short one, which is one chunk.
fn shared(chunks: Chunks) -> String {
    let Chunks { total, running, .. } = chunks;
    if total > 1 { format!(", {running} of {total} chunks running") } else { String::new() }
}

/// `42 %, 11.2×, about 3 min left`, as far as it is known.
fn describe(progress: events::Progress) -> String {
    let speed = progress.speed.filter(|speed| *speed > 0.0);
    let Some(duration) = progress.duration.filter(|duration| *duration > 0.0) else {
        let done = length(progress.processed);
        return speed.map_or_else(|| format!("{done} done"), |speed| format!("{done} done, {speed:.1}×"));
    };
    let percent = (progress.processed / duration * 100.0).clamp(0.0, 100.0);
    // A percentage that is rounded up would claim to be finished early.
    let percent = format!("{:.0} %", percent.floor());
    let speed = speed.map(|speed| format!(", {speed:.1}×")).unwrap_or_default();
    let left = progress.time_left.map(|left| format!(", {} left", roughly(left))).unwrap_or_default();
    format!("{percent}{speed}{left}")
}

/// A length of time that is only an estimate, no more exact than that: `about 40 s`, `about 3 min`.
pub(crate) fn roughly(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    if seconds < 10.0 {
        "a few seconds".to_owned()
    } else if seconds < 1.5 * MINUTE {
        format!("about {:.0} s", (seconds / 10.0).round() * 10.0)
    } else if seconds < 60.0 * MINUTE {
        format!("about {:.0} min", seconds / MINUTE)
    } else {
        format!("about {}", length((seconds / MINUTE).round() * MINUTE))
    }
}

fn summary(job: &Job) -> String {
    let (Some(duration), Some(time)) = (job.duration, job.processing_time) else {
        return "done".to_owned();
    };
    let speed = job.speed().map(|speed| format!(" ({speed:.1}×)")).unwrap_or_default();
    let language = job.language.as_ref().map(|language| format!(", language {language}")).unwrap_or_default();
    format!("{} transcribed in {}{speed}{language}", length(duration), length(time))
}

/// A length of time for people: `8 s`, `1 min 20 s`, `2 h 5 min`.
pub(crate) fn length(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative and huge numbers saturate")]
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) if seconds < 10.0 => format!("{seconds:.1} s"),
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        (_, _) => format!("{hours} h {minutes} min"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a bar has a thousand steps")]
fn as_float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(processed: f64, duration: Option<f64>, speed: Option<f64>, time_left: Option<f64>) -> String {
        describe(events::Progress { processed, duration, speed, time_left })
    }

    #[test]
    fn lengths_of_time_read_well() {
        let cases = [
            (0.0, "0.0 s"),
            (8.04, "8.0 s"),
            (59.4, "59 s"),
            (59.6, "1 min 0 s"),
            (80.0, "1 min 20 s"),
            (7530.0, "2 h 5 min"),
        ];
        for (seconds, text) in cases {
            assert_eq!(length(seconds), text);
        }
        assert_eq!(length(f64::INFINITY).split(' ').nth(1), Some("h"));
    }

    #[test]
    fn the_time_left_is_what_the_server_says_in_round_numbers() {
        assert_eq!(progress(100.0, Some(1000.0), Some(5.0), Some(170.0)), "10 %, 5.0×, about 3 min left");
        assert_eq!(progress(999.9, Some(1000.0), Some(10.0), Some(0.01)), "99 %, 10.0×, a few seconds left");
        assert_eq!(progress(1001.0, Some(1000.0), None, Some(0.0)), "100 %, a few seconds left");
        let rough = [(10.0, "about 10 s"), (89.0, "about 90 s"), (90.0, "about 2 min"), (3_500.0, "about 58 min")];
        for (seconds, text) in rough {
            assert_eq!(roughly(seconds), text);
        }
        assert_eq!(roughly(7_530.0), "about 2 h 6 min");
    }

    #[test]
    fn a_place_in_the_queue_and_the_sharing_of_a_long_recording_are_told_as_far_as_they_are_known() {
        let at = |position, time_to_completion| waiting(Place { position, time_to_completion });
        assert_eq!(at(3, Some(41.0)), "waiting, place 3 (about 40 s)");
        assert_eq!(at(1, None), "waiting, place 1");
        let chunks = |total, running| shared(Chunks { total, running, ..Chunks::default() });
        assert_eq!((chunks(1, 1), chunks(24, 3)), (String::new(), ", 3 of 24 chunks running".to_owned()));
    }

    #[test]
    fn what_is_not_known_is_not_claimed() {
        assert_eq!(progress(12.0, None, None, None), "12 s done");
        assert_eq!(progress(12.0, None, Some(3.0), None), "12 s done, 3.0×");
        assert_eq!(progress(12.0, Some(24.0), Some(0.0), None), "50 %");
        assert_eq!(progress(12.0, Some(24.0), Some(2.0), None), "50 %, 2.0×");
    }
}
