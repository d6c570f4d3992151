//! Any usual recording, whatever it is packed in, comes out with the right words through the API.

use std::path::{Path, PathBuf};

use escriba_e2e::{Spoken, Stack, Studio, words::wrong_words};
use serde_json::json;

/// With all above 4 kHz taken away, the base model hears `America` for `Americans` in the real recording, and does so in
/// whisper.cpp alone; its shorter audio context makes `asked` of `ask`. At full width no word may be wrong.
const MOST_WRONG_ON_THE_TELEPHONE: usize = 2;

const TELEPHONE: &str = "telephone.wav";

/// A recording on its way, and how well it must be understood.
struct Sent {
    job: String,
    file: PathBuf,
    said: String,
    most_wrong: usize,
}

#[tokio::test]
async fn the_container_does_not_matter() {
    let studio = Studio::default();
    let stack = Stack::start().await;
    let mut sent = send(&stack, &studio, &Spoken::english(), 0).await;
    if let Some(jfk) = Spoken::jfk() {
        sent.extend(send(&stack, &studio, &jfk, MOST_WRONG_ON_THE_TELEPHONE).await);
    }
    let mut wrong = Vec::new();
    for Sent { job, file, said, most_wrong } in sent {
        let ended = stack.client.finish(&job).await;
        let heard = stack.client.text(&job).await;
        if ended["state"] != "completed" || wrong_words(&heard, &said) > most_wrong || ended["warnings"] != json!([]) {
            wrong.push(format!("{}: heard {heard:?} in {ended}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stack.assert_nothing_is_left().await;
}

async fn send(stack: &Stack, studio: &Studio, spoken: &Spoken, most_wrong_on_the_telephone: usize) -> Vec<Sent> {
    let mut sent = Vec::new();
    for file in packed(studio, &spoken.file) {
        let job = stack.client.submit(&file, &[]).await;
        let telephone = file.to_str().unwrap().ends_with(TELEPHONE);
        let most_wrong = if telephone { most_wrong_on_the_telephone } else { 0 };
        sent.push(Sent { job, file, said: spoken.text.clone(), most_wrong });
    }
    sent
}

fn packed(studio: &Studio, source: &Path) -> Vec<PathBuf> {
    let stem = source.file_stem().unwrap().to_str().unwrap();
    let everywhere = (0..8).map(|channel| format!("c{channel}=c0")).collect::<Vec<_>>().join("|");
    let eight_channels = format!("-ac 1 -ar 48000 -af pan=7.1|{everywhere}");
    let film = "-f lavfi -i testsrc=duration=10:size=320x240:rate=10 -map 0:a -map 1:v -c:v mpeg4 -c:a aac";
    [
        ("-c:a libmp3lame -b:a 64k".to_owned(), "mp3"),
        ("-c:a aac -b:a 64k".to_owned(), "m4a"),
        ("-c:a libopus -b:a 32k".to_owned(), "ogg"),
        ("-c:a libopus -b:a 32k".to_owned(), "webm"),
        ("-c:a libvorbis".to_owned(), "mkv"),
        (film.to_owned(), "mp4"),
        ("-ar 8000 -ac 1 -c:a pcm_mulaw".to_owned(), TELEPHONE),
        (format!("{eight_channels} -c:a flac"), "eight-channels.flac"),
        (format!("{eight_channels} -c:a pcm_s16le"), "eight-channels.wav"),
    ]
    .map(|(arguments, extension)| studio.convert(source, &arguments, &format!("{stem}-packed.{extension}")))
    .into()
}
