//! The bytes of every message of the contract, frozen. A subscriber compiled last year reads what is published today:
//! a field whose number or type changed fails here. Never edit a line of bytes; a new version gets a new one.

use std::fmt::Write;

use escriba_domain::{
    ApiKeyId, AudioTrack, Channels, ChunkId, Decoding, EditSummary, JobId, JobOptions, Lane, Language, MediaId,
    Segment, Statistics, Task, Warning, Word, WorkspaceId,
};
use escriba_events::{
    Completion, Edition, Headers, JobEvent, QueuedMedia, WorkItem, event_message, job_canceled, job_completed,
    job_deleted, job_failed, job_queued, job_segments_added, job_started, job_transcript_edited, v1, work_message,
};
use prost::Message as _;

const WORKSPACE: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";
const JOB: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e50";
const MEDIA: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e51";
const CHUNK: &str = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e52";

/// The first two fields of every event: the workspace's id and the job's.
const WHOSE: &str = concat!(
    "0a2430313961396133652d376331622d376435322d386636342d306135623163326433653466",
    "122430313961396133652d376331622d376435322d386636342d306135623163326433653530",
);

/// Field 3, where it is the chunk's id.
const FROZEN_CHUNK: &str = "1a2430313961396133652d376331622d376435322d386636342d306135623163326433653532";

fn workspace() -> WorkspaceId {
    WORKSPACE.parse().unwrap()
}

fn job() -> JobId {
    JOB.parse().unwrap()
}

fn chunk() -> ChunkId {
    CHUNK.parse().unwrap()
}

fn options() -> JobOptions {
    JobOptions {
        language: Some("es".parse().unwrap()),
        languages: vec![Language::ENGLISH],
        multilingual: true,
        task: Task::Translate,
        model: "tiny.en".parse().unwrap(),
        lane: Lane::Batch,
        prompt: Some("not part of the event".to_owned()),
        hotwords: vec!["nor this".to_owned()],
        channels: Channels::Separate,
        audio_track: Some(AudioTrack::Number(2)),
        word_timestamps: true,
    }
}

fn segment() -> Segment {
    let word = Word { start_ms: 1_000, end_ms: 1_500, text: "año".to_owned(), probability: 0.5 };
    Segment {
        index: 3,
        start_ms: 1_000,
        end_ms: 2_500,
        text: "año nuevo".to_owned(),
        language: Some(Language::ENGLISH),
        channel: None,
        avg_logprob: -0.25,
        no_speech_prob: 0.125,
        words: vec![word],
        speaker: None,
        decoding: Decoding::default(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Written as frozen, read back from what is frozen, and under its subject.
fn is_frozen(event: &JobEvent, ce_type: &str, golden: &str) {
    let message = event_message(event, chrono::DateTime::UNIX_EPOCH, &Headers::new());
    let frozen = format!("{WHOSE}{golden}");
    assert_eq!(hex(&message.payload), frozen, "{ce_type}");
    assert_eq!(message.headers["ce-type"], ce_type);
    assert_eq!(JobEvent::decode(ce_type, &bytes(&frozen)).unwrap(), *event);
    assert_eq!(message.subject, format!("events.job.{}.{WORKSPACE}.{JOB}", event.name()));
}

#[test]
fn job_queued_v1() {
    let media = QueuedMedia { id: MEDIA.parse::<MediaId>().unwrap(), file_name: "a.m4a".to_owned(), bytes: 300 };
    let event = job_queued(workspace(), job(), media, &options(), 1);
    is_frozen(
        &event,
        "escriba.job.queued.v1",
        concat!(
            "1a2430313961396133652d376331622d376435322d386636342d306135623163326433653531",
            "2205612e6d346128ac0230023a0774696e792e656e40024a0265735001",
        ),
    );
}

#[test]
fn job_started_v1() {
    is_frozen(&job_started(workspace(), job(), "worker-1"), "escriba.job.started.v1", "1a08776f726b65722d31");
}

#[test]
fn job_segments_added_v1() {
    let event = job_segments_added(workspace(), job(), (chunk(), 0), &[segment()]);
    is_frozen(
        &event,
        "escriba.job.segments_added.v1",
        &format!(
            "{FROZEN_CHUNK}{}{}",
            "2235080310e80718c413220a61c3b16f206e7565766f2a02656e",
            "35000080be3d0000003e421108e80710dc0b1a0461c3b16f250000003f",
        ),
    );
}

/// As long as a recording's channels are mixed, segments are what they were before there were channels.
#[test]
fn job_segments_added_v1_of_one_channel_and_a_later_chunk() {
    let event = job_segments_added(workspace(), job(), (chunk(), 3), &[Segment { channel: Some(2), ..segment() }]);
    is_frozen(
        &event,
        "escriba.job.segments_added.v1",
        &format!(
            "{FROZEN_CHUNK}{}{}",
            "2237080310e80718c413220a61c3b16f206e7565766f2a02656e",
            "35000080be3d0000003e421108e80710dc0b1a0461c3b16f250000003f48022803",
        ),
    );
}

/// A worker of the release before sends nothing of this, and its segments read back as the ones above.
#[test]
fn job_segments_added_v1_with_how_the_text_was_decoded() {
    let decoding = Decoding { tokens: vec![50_364, 8_476, 50_489], temperature: 0.25, window_start_ms: 500 };
    let event = job_segments_added(workspace(), job(), (chunk(), 0), &[Segment { decoding, ..segment() }]);
    is_frozen(
        &event,
        "escriba.job.segments_added.v1",
        &format!(
            "{FROZEN_CHUNK}{}{}{}",
            "2247080310e80718c413220a61c3b16f206e7565766f2a02656e",
            "35000080be3d0000003e421108e80710dc0b1a0461c3b16f250000003f",
            "5208bc89039c42b98a035d0000803e60f403",
        ),
    );
}

fn completion() -> Completion {
    Completion {
        language: Some(Language::ENGLISH),
        audio_ms: 11_000,
        processing_ms: 1_200,
        segment_count: 4,
        warnings: vec![Warning { code: "media_truncated".to_owned(), message: "It breaks off.".to_owned() }],
        statistics: Statistics::default(),
    }
}

const FROZEN_COMPLETION: &str =
    concat!("1a02656e20f85528b009", "30043a210a0f6d656469615f7472756e6361746564120e497420627265616b73206f66662e");

#[test]
fn job_completed_v1() {
    is_frozen(&job_completed(workspace(), job(), &completion()), "escriba.job.completed.v1", FROZEN_COMPLETION);
}

#[test]
fn job_completed_v1_with_statistics() {
    let statistics = Statistics {
        speech_ms: 9_500,
        windows: 7,
        full_context_windows: 6,
        hotter_windows: 5,
        silent_windows: 4,
        dropped_loops: 3,
        dropped_phantoms: 2,
    };
    is_frozen(
        &job_completed(workspace(), job(), &Completion { statistics, ..completion() }),
        "escriba.job.completed.v1",
        &format!("{FROZEN_COMPLETION}420f089c4a100718062005280430033802"),
    );
}

#[test]
fn job_failed_v1() {
    let event = job_failed(workspace(), job(), "media_no_audio", "No sound.");
    is_frozen(&event, "escriba.job.failed.v1", "1a0e6d656469615f6e6f5f617564696f22094e6f20736f756e642e");
}

#[test]
fn job_canceled_v1() {
    is_frozen(&job_canceled(workspace(), job()), "escriba.job.canceled.v1", "");
}

#[test]
fn job_deleted_v1() {
    is_frozen(&job_deleted(workspace(), job()), "escriba.job.deleted.v1", "");
}

#[test]
fn job_transcript_edited_v1() {
    let summary = EditSummary { segments_changed: 5, segments_removed: 1, replaced: 9, ..EditSummary::default() };
    let edition = Edition { version: 3, reverted_to: None, by: CHUNK.parse::<ApiKeyId>().unwrap(), summary };
    let frozen =
        concat!("1803222430313961396133652d376331622d376435322d386636342d306135623163326433653532", "28053001",);
    is_frozen(&job_transcript_edited(workspace(), job(), &edition), "escriba.job.transcript_edited.v1", frozen);
    let reverted = Edition { reverted_to: Some(2), ..edition };
    let event = job_transcript_edited(workspace(), job(), &reverted);
    is_frozen(&event, "escriba.job.transcript_edited.v1", &format!("{frozen}3802"));
}

/// An event that is added needs a test here.
#[test]
fn every_event_is_frozen_above() {
    let frozen =
        ["queued", "started", "segments_added", "completed", "failed", "canceled", "deleted", "transcript_edited"];
    assert_eq!(JobEvent::NAMES, frozen);
}

#[test]
fn job_progress_v1() {
    let progress = v1::JobProgress {
        workspace_id: WORKSPACE.to_owned(),
        job_id: JOB.to_owned(),
        processed_ms: 5_500,
        audio_ms: 11_000,
        speed: 9.5,
        time_left_ms: None,
    };
    let frozen = format!("{WHOSE}18fc2a20f855290000000000002340");
    assert_eq!(hex(&progress.encode_to_vec()), frozen);
    assert_eq!(v1::JobProgress::decode(bytes(&frozen).as_slice()).unwrap(), progress);

    let timed = v1::JobProgress { time_left_ms: Some(579), ..progress };
    let frozen = format!("{frozen}30c304");
    assert_eq!(hex(&timed.encode_to_vec()), frozen);
    assert_eq!(v1::JobProgress::decode(bytes(&frozen).as_slice()).unwrap(), timed);
}

#[test]
fn work_item_v1() {
    let item = WorkItem {
        workspace_id: workspace(),
        job_id: job(),
        chunk_id: chunk(),
        lane: Lane::Batch,
        model: "tiny.en".parse().unwrap(),
        ring: 2,
    };
    let message = work_message(&item, &Headers::new());
    let frozen = format!("{WHOSE}{FROZEN_CHUNK}20022a0774696e792e656e3002");
    assert_eq!(hex(&message.payload), frozen);
    assert_eq!(WorkItem::decode(&bytes(&frozen)).unwrap(), item);
    assert_eq!(message.subject, format!("work.batch.tiny~en.{JOB}"));
    assert_eq!(message.job, job());
}

#[test]
fn worker_status_v1() {
    let status = v1::WorkerStatus {
        worker_id: "worker-1".to_owned(),
        version: "0.1.0".to_owned(),
        models: vec!["base".to_owned(), "tiny.en".to_owned()],
        slots: 4,
        busy: 3,
        started_at_ms: 1_763_700_000_000,
        speeds: [("base".to_owned(), 9.5)].into(),
        stopping: true,
    };
    let frozen = concat!(
        "0a08776f726b65722d311205302e312e301a04626173651a0774696e792e656e2004280330",
        "808ad9a5aa333a0f0a04626173651100000000000023404001",
    );
    assert_eq!(hex(&status.encode_to_vec()), frozen);
    assert_eq!(v1::WorkerStatus::decode(bytes(frozen).as_slice()).unwrap(), status);
}

#[test]
fn the_headers_of_an_event_are_cloudevents() {
    let message = event_message(&job_deleted(workspace(), job()), chrono::DateTime::UNIX_EPOCH, &Headers::new());
    let expected = [
        ("ce-id", message.id.to_string()),
        ("ce-source", format!("/workspaces/{WORKSPACE}")),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-subject", JOB.to_owned()),
        ("ce-time", "1970-01-01T00:00:00.000Z".to_owned()),
        ("ce-type", "escriba.job.deleted.v1".to_owned()),
        ("content-type", "application/protobuf".to_owned()),
    ];
    assert_eq!(message.headers, expected.map(|(name, value)| (name.to_owned(), value)).into());
}
