//! What is answered in each format, and that a request is a job like any other.

use escriba_domain::Segment;
use escriba_test_support::segment;
use serde_json::json;

use super::{TRANSCRIPTIONS, TRANSLATIONS, form, json, play, post, refusal, sent, transcribed};
use crate::stack::on_each_engine;

const TEXT: &str = "Sentence 0, añadida. Sentence 1, añadida.";

#[tokio::test]
async fn a_request_is_a_job_and_waits_for_its_end() {
    on_each_engine(async |gateway| {
        let (item, response) = transcribed(gateway, TRANSCRIPTIONS, form(&[])).await;
        let expected = json!({
            "text": TEXT,
            "languages": [{ "code": "en" }],
            "usage": { "type": "duration", "seconds": 4.0 },
        });
        assert_eq!(json(response).await, expected);
        let job = gateway.job(item.job_id).await;
        assert_eq!((job["state"].as_str(), job["file_name"].as_str()), (Some("completed"), Some("interview.mp3")));
        assert_eq!((&job["options"]["lane"], &job["options"]["model"]), (&json!("interactive"), &json!("base")));
        assert_eq!(gateway.event_names_until(item.job_id, "completed").await.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn verbose_json_has_everything_that_is_required_of_it() {
    on_each_engine(async |gateway| {
        let (_, response) = transcribed(gateway, TRANSCRIPTIONS, form(&[("response_format", "verbose_json")])).await;
        let answer = json(response).await;
        assert_eq!((&answer["task"], &answer["language"]), (&json!("transcribe"), &json!("english")));
        assert_eq!((&answer["duration"], &answer["text"]), (&json!(4.0), &json!(TEXT)));
        assert!(answer.get("words").is_none());
        let second = json!({
            "id": 1, "seek": 0, "start": 2.0, "end": 3.9, "text": "Sentence 1, añadida.",
            "tokens": [50_364, 2_663, 50_459], "temperature": 0.2, "avg_logprob": -0.25,
            "compression_ratio": answer["segments"][1]["compression_ratio"], "no_speech_prob": 0.125,
        });
        assert_eq!(answer["segments"][1], second);
        let ratio = answer["segments"][1]["compression_ratio"].as_f64().unwrap();
        assert!((0.1..1.5).contains(&ratio), "{ratio}");
    })
    .await;
}

#[tokio::test]
async fn words_are_given_where_they_are_asked_for() {
    on_each_engine(async |gateway| {
        let both = [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")];
        for (wanted, has_segments) in [(&both[..1], false), (&both[..], true)] {
            let parts = [&[("response_format", "verbose_json")][..], wanted].concat();
            let (item, response) = transcribed(gateway, TRANSCRIPTIONS, form(&parts)).await;
            let answer = json(response).await;
            assert_eq!(answer["words"].as_array().unwrap().len(), 4);
            assert_eq!(answer["words"][3], json!({ "word": "añadida.", "start": 2.9, "end": 3.7 }));
            assert_eq!(answer.get("segments").is_some(), has_segments);
            assert_eq!(gateway.job(item.job_id).await["options"]["word_timestamps"], true);
        }
    })
    .await;
}

#[tokio::test]
async fn how_sure_the_model_is_comes_with_json() {
    on_each_engine(async |gateway| {
        let (item, response) = transcribed(gateway, TRANSCRIPTIONS, form(&[("include[]", "logprobs")])).await;
        let answer = json(response).await;
        let first = &answer["logprobs"][0];
        assert_eq!((&first["token"], &first["bytes"]), (&json!("Sentence"), &json!(b"Sentence")));
        assert!((first["logprob"].as_f64().unwrap() - 0.75_f64.ln()).abs() < 1e-5);
        assert_eq!(answer["logprobs"].as_array().unwrap().len(), 4);
        assert_eq!(gateway.job(item.job_id).await["options"]["word_timestamps"], true);
    })
    .await;
}

#[tokio::test]
async fn each_channel_is_a_speaker() {
    on_each_engine(async |gateway| {
        let (item, response) =
            transcribed(gateway, TRANSCRIPTIONS, form(&[("response_format", "diarized_json")])).await;
        let answer = json(response).await;
        assert_eq!((&answer["task"], &answer["duration"]), (&json!("transcribe"), &json!(4.0)));
        assert_eq!((&answer["text"], &answer["usage"]["seconds"]), (&json!(TEXT), &json!(4.0)));
        let second = json!({
            "type": "transcript.text.segment", "id": "seg_1", "start": 2.0, "end": 3.9, "text": "Sentence 1, añadida.",
            "speaker": "B",
        });
        assert_eq!(answer["segments"], json!([answer["segments"][0], second]));
        assert_eq!(answer["segments"][0]["speaker"], "A");
        assert_eq!(gateway.job(item.job_id).await["options"]["channels"], "separate");
    })
    .await;
}

#[tokio::test]
async fn a_translation_is_english() {
    on_each_engine(async |gateway| {
        let parts = [("response_format", "verbose_json"), ("language", "es")];
        let (item, response) = transcribed(gateway, TRANSLATIONS, form(&parts)).await;
        let answer = json(response).await;
        assert_eq!((&answer["task"], &answer["language"]), (&json!("translate"), &json!("english")));
        assert_eq!(gateway.job(item.job_id).await["options"]["task"], "translate");
    })
    .await;
}

#[tokio::test]
async fn silence_has_an_empty_text() {
    on_each_engine(async |gateway| {
        for (format, segments) in
            [("json", None), ("verbose_json", Some(json!([]))), ("diarized_json", Some(json!([])))]
        {
            let request = post(gateway, TRANSCRIPTIONS, form(&[("response_format", format)]));
            let nothing: [Segment; 0] = [];
            let (_, response) = tokio::join!(play(gateway, &nothing), sent(request));
            let answer = json(response).await;
            assert_eq!((&answer["text"], answer.get("segments")), (&json!(""), segments.as_ref()), "{format}");
        }
    })
    .await;
}

/// The service that writes subtitles is not part of this stack.
#[tokio::test]
async fn where_subtitles_cannot_be_written_the_job_is_kept_and_named() {
    on_each_engine(async |gateway| {
        for format in ["text", "srt", "vtt"] {
            let (item, response) = transcribed(gateway, TRANSCRIPTIONS, form(&[("response_format", format)])).await;
            assert_eq!(response.headers()["retry-after"], "5");
            refusal(response, 503, "server_error", None, "unavailable").await;
            assert_eq!(gateway.job(item.job_id).await["state"], "completed");
        }
    })
    .await;
}

#[tokio::test]
async fn models_are_listed_and_looked_at() {
    on_each_engine(async |gateway| {
        let list = json(gateway.get("/v1/models").await).await;
        let names: Vec<_> =
            list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
        assert_eq!((list["object"].as_str(), names), (Some("list"), vec!["whisper-1", "base", "tiny.en"]));
        for (index, name) in ["whisper-1", "base", "tiny.en"].into_iter().enumerate() {
            let model = json(gateway.get(&format!("/v1/models/{name}")).await).await;
            assert_eq!(model, list["data"][index]);
            assert_eq!((&model["object"], &model["owned_by"]), (&json!("model"), &json!("escriba")));
            assert!(model["created"].is_u64());
        }
    })
    .await;
}

#[tokio::test]
async fn segments_that_follow_each_other_are_joined_as_they_are_written() {
    on_each_engine(async |gateway| {
        let request = post(gateway, TRANSCRIPTIONS, form(&[]));
        let said = ["はい。", "そうです", "OK"].into_iter().zip(0..);
        let said: Vec<_> = said.map(|(text, index)| Segment { text: text.to_owned(), ..segment(index) }).collect();
        let (_, response) = tokio::join!(play(gateway, &said), sent(request));
        assert_eq!(json(response).await["text"], "はい。そうです OK");
    })
    .await;
}
