//! What the forms take: each part, under each of its names, and what is refused.

use reqwest::multipart::Form;
use serde_json::{Value, json};

use super::{TRANSCRIPTIONS, TRANSLATIONS, form, jobs, post, refusal, sent, transcribed};
use crate::stack::{Gateway, MAX_UPLOAD_BYTES, media, on_each_engine};

type Parts<'a> = &'a [(&'a str, &'a str)];

async fn options_of(gateway: &mut Gateway, parts: Parts<'_>) -> Value {
    let (item, response) = transcribed(gateway, TRANSCRIPTIONS, form(parts)).await;
    assert_eq!(response.status(), 200);
    gateway.job(item.job_id).await["options"].clone()
}

#[tokio::test]
async fn every_part_is_understood_as_programs_send_it() {
    on_each_engine(async |gateway| {
        let voice = format!("data:audio/wav;base64,{}", "UklG".repeat(40_000));
        let options = options_of(
            gateway,
            &[
                ("languages[]", "en"),
                ("languages[]", "ES"),
                ("keywords[]", "Escriba, the server"),
                ("keywords[]", "año"),
                ("prompt", "A talk."),
                ("temperature", "0.2"),
                ("response_format", "json"),
                ("timestamp_granularities[]", "segment"),
                ("stream", "false"),
                ("chunking_strategy[type]", "server_vad"),
                ("chunking_strategy[threshold]", "0.5"),
                ("chunking_strategy[prefix_padding_ms]", "300"),
                ("known_speaker_names[]", "agent"),
                ("known_speaker_references[]", &voice),
            ],
        )
        .await;
        assert_eq!((&options["languages"], &options["language"]), (&json!(["en", "es"]), &Value::Null));
        assert_eq!(options["hotwords"], json!(["Escriba, the server", "año"]));
        assert_eq!((&options["prompt"], &options["task"]), (&json!("A talk."), &json!("transcribe")));
        assert_eq!((&options["word_timestamps"], &options["channels"]), (&json!(false), &json!("mix")));
    })
    .await;
}

#[tokio::test]
async fn lists_may_have_bare_names_or_numbers_and_objects_may_be_json() {
    on_each_engine(async |gateway| {
        let vad = r#"{"type":"server_vad","threshold":0.5,"silence_duration_ms":200}"#;
        let bare = options_of(
            gateway,
            &[
                ("languages", "en"),
                ("keywords", "Escriba"),
                ("timestamp_granularities", "word"),
                ("include", "logprobs"),
                ("chunking_strategy", vad),
                ("known_speaker_names", "agent"),
                ("known_speaker_references", "data:audio/wav;base64,UklG"),
            ],
        )
        .await;
        let numbered = options_of(
            gateway,
            &[("languages[0]", "en"), ("keywords[0]", "Escriba"), ("include[0]", "logprobs"), ("stream", "null")],
        )
        .await;
        assert_eq!(bare, numbered);
        assert_eq!((&bare["languages"], &bare["hotwords"]), (&json!(["en"]), &json!(["Escriba"])));
        assert_eq!(bare["word_timestamps"], true);
    })
    .await;
}

#[tokio::test]
async fn one_language_a_model_of_its_own_name_and_a_long_prompt_are_taken() {
    on_each_engine(async |gateway| {
        let prompt = format!("{} the very end", "word ".repeat(300));
        let parts = [("language", "en"), ("prompt", &prompt), ("chunking_strategy", "auto"), ("keywords[]", "Escriba")];
        let form = parts
            .into_iter()
            .fold(Form::new().part("file", media(b"hello")), |form, (name, value)| form.text(name, value.to_owned()));
        let (item, _) = transcribed(gateway, TRANSCRIPTIONS, form.text("model", "base")).await;
        let options = gateway.job(item.job_id).await["options"].clone();
        assert_eq!((&options["model"], &options["language"]), (&json!("base"), &json!("en")));
        let kept = options["prompt"].as_str().unwrap();
        assert!(kept.starts_with("word word") && kept.ends_with(" the very end"), "{kept}");
        assert!((780..=793).contains(&kept.chars().count()), "{}", kept.len());
    })
    .await;
}

#[tokio::test]
async fn wrong_parts_are_refused_by_name_wherever_they_stand() {
    on_each_engine(async |gateway| {
        let (long_word, long_text) = ("ñ".repeat(81), "x".repeat(20 << 10));
        let wrong = [
            ("language", "klingon", "language", "`klingon` is not a known language"),
            ("languages[]", "xx", "languages", "ISO 639-1"),
            ("temperature", "2", "temperature", "from 0 to 1"),
            ("temperature", "NaN", "temperature", "from 0 to 1"),
            ("response_format", "html", "response_format", "json, text, srt, verbose_json, vtt or diarized_json"),
            ("timestamp_granularities[]", "sentence", "timestamp_granularities", "word, segment or both"),
            ("include[]", "speakers", "include", "use logprobs"),
            ("stream", "yes", "stream", "true or false"),
            ("chunking_strategy", "always", "chunking_strategy", "use auto"),
            ("chunking_strategy[type]", "none", "chunking_strategy", "server_vad"),
            ("chunking_strategy[threshold]", "7", "chunking_strategy", "from 0 to 1"),
            ("known_speaker_names[]", "agent", "known_speaker_names", "a name for each"),
            ("known_speaker_references[]", "http://a/b.wav", "known_speaker_references", "data URLs"),
            ("keywords[]", &long_word, "keywords", "81 characters"),
            ("prompt", &long_text, "prompt", "too long"),
        ];
        for (name, value, param, says) in wrong {
            let after = form(&[]).text(name.to_owned(), value.to_owned());
            for form in [form(&[(name, value)]), after] {
                let refused = sent(post(gateway, TRANSCRIPTIONS, form)).await;
                let message = refusal(refused, 400, "invalid_request_error", Some(param), "invalid_value").await;
                assert!(message.contains(says), "{message}");
            }
        }
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn parts_that_do_not_fit_together_are_refused() {
    on_each_engine(async |gateway| {
        let cases: [(Parts<'_>, &str, &str); 5] = [
            (&[("language", "en"), ("languages[]", "en")], "languages", "Send one of the two"),
            (&[("include[]", "logprobs"), ("response_format", "srt")], "include", "with the response format json"),
            (&[("stream", "true"), ("response_format", "vtt")], "stream", "can be streamed"),
            (&[("stream", "true"), ("response_format", "verbose_json")], "stream", "can be streamed"),
            (&[("known_speaker_references[]", "data:,"), ("response_format", "text")], "known_speaker_names", "each"),
        ];
        for (parts, param, says) in cases {
            let refused = sent(post(gateway, TRANSCRIPTIONS, form(parts))).await;
            let message = refusal(refused, 400, "invalid_request_error", Some(param), "invalid_value").await;
            assert!(message.contains(says), "{message}");
        }
        let english_only = Form::new().text("model", "tiny.en").text("language", "es").part("file", media(b"hello"));
        let refused = sent(post(gateway, TRANSCRIPTIONS, english_only)).await;
        refusal(refused, 400, "invalid_request_error", Some("language"), "invalid_value").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_required_must_be_there_once_and_what_is_unknown_must_not() {
    on_each_engine(async |gateway| {
        let cases = [
            (Form::new().text("model", "whisper-1"), "file", "missing_required_parameter"),
            (Form::new().part("file", media(b"hello")), "model", "missing_required_parameter"),
            (form(&[]).part("file", media(b"another")), "file", "invalid_value"),
            (form(&[("lenguage", "en")]), "lenguage", "unknown_parameter"),
            (form(&[("language[code]", "en")]), "language[code]", "unknown_parameter"),
        ];
        for (form, param, code) in cases {
            let refused = sent(post(gateway, TRANSCRIPTIONS, form)).await;
            refusal(refused, 400, "invalid_request_error", Some(param), code).await;
        }
        for name in ["stream", "languages[]", "timestamp_granularities[]", "include[]", "known_speaker_names[]"] {
            let refused = sent(post(gateway, TRANSLATIONS, form(&[(name, "word")]))).await;
            refusal(refused, 400, "invalid_request_error", Some(name), "unknown_parameter").await;
        }
        let diarized = sent(post(gateway, TRANSLATIONS, form(&[("response_format", "diarized_json")]))).await;
        refusal(diarized, 400, "invalid_request_error", Some("response_format"), "invalid_value").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

#[tokio::test]
async fn a_recording_over_the_limit_is_refused() {
    on_each_engine(async |gateway| {
        let form = Form::new().text("model", "base").part("file", media(&vec![7; MAX_UPLOAD_BYTES + 1]));
        let refused = sent(post(gateway, TRANSCRIPTIONS, form)).await;
        refusal(refused, 413, "invalid_request_error", Some("file"), "upload_too_large").await;
        nothing_was_taken(gateway).await;
    })
    .await;
}

async fn nothing_was_taken(gateway: &Gateway) {
    assert_eq!((gateway.stored_files(), jobs(gateway).await.len()), (0, 0));
}
