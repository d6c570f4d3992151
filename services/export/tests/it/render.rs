//! Renders over gRPC, from a real database.

use std::io::{Read, Write};

use anyhow::Result;
use escriba_domain::{Decoding, JobId, Segment, WorkspaceId};
use escriba_proto::v1::{Format, LineEnding, RenderRequest};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::process::{Export, Store};

fn segment(index: u32, text: &str) -> Segment {
    Segment {
        index,
        start_ms: u64::from(index) * 1000,
        end_ms: u64::from(index) * 1000 + 1000,
        text: text.to_owned(),
        language: None,
        channel: None,
        avg_logprob: -0.25,
        no_speech_prob: 0.5,
        words: Vec::new(),
        decoding: Decoding::default(),
        speaker: None,
    }
}

fn request(workspace: WorkspaceId, job: JobId, format: Format) -> RenderRequest {
    RenderRequest {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        format: format.into(),
        line_ending: LineEnding::Unspecified.into(),
        version: 0,
    }
}

#[tokio::test]
async fn each_format_is_rendered_with_its_head() -> Result<()> {
    let store = Store::new().await?;
    let (workspace, job) = store.add("talk.mp3", &[segment(0, " Good morning."), segment(1, " Bye.")]).await?;
    let export = Export::start(&store, &[]).await?;

    let (head, srt) = export.render(request(workspace, job, Format::Srt)).await?;
    assert_eq!(
        (head.content_type.as_str(), head.file_name.as_str()),
        ("application/x-subrip; charset=utf-8", "talk.srt")
    );
    let expected = "1\n00:00:00,000 --> 00:00:01,000\nGood morning.\n\n2\n00:00:01,000 --> 00:00:02,000\nBye.\n";
    assert_eq!(String::from_utf8(srt)?, expected);

    let crlf = RenderRequest { line_ending: LineEnding::Crlf.into(), ..request(workspace, job, Format::Txt) };
    let (head, txt) = export.render(crlf).await?;
    assert_eq!((head.content_type.as_str(), head.file_name.as_str()), ("text/plain; charset=utf-8", "talk.txt"));
    assert_eq!(String::from_utf8(txt)?, "Good morning.\r\nBye.\r\n");

    let (_, vtt) = export.render(request(workspace, job, Format::Vtt)).await?;
    assert!(vtt.starts_with(b"WEBVTT\n\n00:00:00.000 --> "));

    let (_, json) = export.render(request(workspace, job, Format::Json)).await?;
    let json: serde_json::Value = serde_json::from_slice(&json)?;
    assert_eq!((&json["text"], &json["file_name"]), (&"Good morning. Bye.".into(), &"talk.mp3".into()));

    assert_eq!(export.stop().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn channels_are_told_apart_in_each_format() -> Result<()> {
    let store = Store::new().await?;
    let of = |index, channel, text| Segment { channel: Some(channel), ..segment(index, text) };
    let talk = [of(0, 1, "Hello?"), of(1, 2, "Yes?"), of(2, 2, "Who is it?")];
    let (workspace, job) = store.add("call.wav", &talk).await?;
    let export = Export::start(&store, &[]).await?;
    let render = async |format| anyhow::Ok(String::from_utf8(export.render(request(workspace, job, format)).await?.1)?);

    assert_eq!(render(Format::Txt).await?, "Channel 1: Hello?\nChannel 2: Yes?\nWho is it?\n");
    let srt = render(Format::Srt).await?;
    assert!(srt.contains("\nChannel 2: Yes?\n\n3\n00:00:02,000 --> 00:00:03,000\nWho is it?\n"), "{srt}");
    let vtt = render(Format::Vtt).await?;
    assert!(vtt.contains("<v Channel 1>Hello?\n") && vtt.contains("<v Channel 2>Who is it?\n"), "{vtt}");
    let json: serde_json::Value = serde_json::from_str(&render(Format::Json).await?)?;
    let channels: Vec<_> = (0..3).map(|nth| json["segments"][nth]["channel"].as_u64()).collect();
    assert_eq!(channels, [Some(1), Some(2), Some(2)]);
    Ok(())
}

#[tokio::test]
async fn a_long_transcript_arrives_whole_and_in_order() -> Result<()> {
    let store = Store::new().await?;
    let segments: Vec<_> = (0..3000).map(|index| segment(index, &format!("{index} {}", "word ".repeat(20)))).collect();
    let (workspace, job) = store.add("long.wav", &segments).await?;
    let export = Export::start(&store, &[]).await?;
    let (_, txt) = export.render(request(workspace, job, Format::Txt)).await?;
    let txt = String::from_utf8(txt)?;
    assert_eq!(txt.lines().count(), 3000);
    let starts = (0..3000).map(|index| format!("{index} word"));
    assert!(txt.lines().zip(starts).all(|(line, start)| line.starts_with(&start)));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_rendered_has_a_code() -> Result<()> {
    let store = Store::new().await?;
    let (workspace, job) = store.add("talk.mp3", &[]).await?;
    let export = Export::start(&store, &[]).await?;
    let malformed = RenderRequest { job_id: "latest".to_owned(), ..request(workspace, job, Format::Srt) };
    for (request, code) in [
        (request(workspace, JobId::new(), Format::Srt), Code::NotFound),
        (request(WorkspaceId::new(), job, Format::Srt), Code::NotFound),
        (request(workspace, job, Format::Unspecified), Code::InvalidArgument),
        (malformed, Code::InvalidArgument),
    ] {
        assert_eq!(export.render(request).await.unwrap_err().code(), code);
    }
    Ok(())
}

#[tokio::test]
async fn health_and_metrics_are_served() -> Result<()> {
    let store = Store::new().await?;
    let (workspace, job) = store.add("talk.mp3", &[segment(0, "Hello.")]).await?;
    let export = Export::start(&store, &[]).await?;
    export.render(request(workspace, job, Format::Vtt)).await?;

    let service = "escriba.v1.Exports".to_owned();
    let health = HealthClient::new(export.channel.clone()).check(HealthCheckRequest { service }).await?;
    assert_eq!(health.into_inner().status(), ServingStatus::Serving);
    assert!(get(&export, "/readyz")?.contains(r#"{"checks":{"database":"ok"},"status":"ready"}"#));
    let metrics = get(&export, "/metrics")?;
    assert!(metrics.contains(r#"escriba_renders_total{format="vtt",outcome="completed"} 1"#), "{metrics}");
    assert!(metrics.contains(r#"escriba_render_duration_seconds_bucket{format="vtt",le="0.001"}"#), "{metrics}");
    Ok(())
}

fn get(export: &Export, path: &str) -> Result<String> {
    let mut connection = std::net::TcpStream::connect(export.internal)?;
    write!(connection, "GET {path} HTTP/1.1\r\nhost: export\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    Ok(response)
}
