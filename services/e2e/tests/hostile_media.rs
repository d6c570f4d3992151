//! Whatever is uploaded costs at most its own job: it fails with its own code and a sentence that helps, nothing but the
//! upload is opened, and the transcriber lives on. A recording that breaks off is transcribed as far as it goes.

use std::{
    io::ErrorKind,
    net::TcpListener,
    path::{Path, PathBuf},
};

use escriba_domain::{FailureCode, WarningCode};
use escriba_e2e::{
    Spoken, Stack, Studio,
    words::{assert_begins_like, assert_same_words},
};
use serde_json::json;

#[tokio::test]
async fn what_is_no_recording_fails_by_itself_with_a_sentence() {
    let studio = Studio::default();
    let tripwire = TcpListener::bind("127.0.0.1:0").unwrap();
    tripwire.set_nonblocking(true).unwrap();
    let mut hostile = no_recordings(&studio);
    let secret = studio.convert(&Spoken::english().file, "-c:a pcm_s16le", "secret.wav");
    for (index, place) in places(&tripwire, &secret).into_iter().enumerate() {
        hostile.extend(lists(&studio, index, &place).map(|file| (file, FailureCode::MediaIsPlaylist)));
    }

    let mut stack = Stack::start().await;
    let transcriber = stack.transcriber.pid();
    let mut jobs = Vec::new();
    for (file, code) in hostile {
        jobs.push((stack.client.submit(&file, &[]).await, file, code));
    }
    for (job, file, code) in jobs {
        let job = stack.client.finish(&job).await;
        let name = file.display();
        assert_eq!(job["state"], "failed", "{name}: {job}");
        assert_eq!(job["error"], json!({ "code": code.as_str(), "message": code.sentence() }), "{name}");
        let heard = stack.client.text(job["id"].as_str().unwrap()).await;
        assert_eq!(heard, "", "{name}");
    }
    assert_eq!(tripwire.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody called");

    assert!(stack.transcriber.is_alive() && stack.transcriber.pid() == transcriber);
    let english = Spoken::english();
    let good = stack.client.submit(&english.file, &[]).await;
    stack.client.complete(&good).await;
    assert_same_words(&stack.client.text(&good).await, &english.text, "a good file after all those");
    stack.assert_nothing_is_left().await;
}

fn no_recordings(studio: &Studio) -> Vec<(PathBuf, FailureCode)> {
    let garbage: Vec<u8> =
        (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes()).collect();
    let film = "-f lavfi -i testsrc=duration=2:size=160x120:rate=10 -c:v mpeg4";
    let picture = "-f lavfi -i testsrc=duration=1:size=160x120:rate=1 -frames:v 1";
    let no_index = studio.convert(&Spoken::english().file, "-c:a aac", "no-index.m4a");
    vec![
        (studio.write("garbage.mp3", garbage), FailureCode::MediaUnrecognized),
        (studio.write("letter.txt", "Dear reader, this is no recording.\n"), FailureCode::MediaUnrecognized),
        (studio.write("empty.mp3", ""), FailureCode::MediaEmpty),
        (studio.make(picture, "picture.png"), FailureCode::MediaIsImage),
        (studio.make(film, "silent.mp4"), FailureCode::MediaNoAudio),
        // Where the sound lies stands at the end of such a file, and that is missing.
        (studio.cut(&no_index, 50), FailureCode::MediaUndecodable),
    ]
}

/// What a transcriber could reach and must not: the network, the machine's own files, a file beside the upload.
fn places(tripwire: &TcpListener, secret: &Path) -> [String; 3] {
    let listener = tripwire.local_addr().unwrap();
    [format!("http://{listener}/segment.ts"), "file:///etc/passwd".to_owned(), format!("file://{}", secret.display())]
}

/// Files that only name a place: HLS, ffconcat, SDP, DASH.
fn lists(studio: &Studio, index: usize, place: &str) -> [PathBuf; 4] {
    let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{place}\n#EXT-X-ENDLIST\n");
    let ffconcat = format!("ffconcat version 1.0\nfile '{place}'\n");
    let sdp = format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns={place}\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{place}\nm=audio 5004 RTP/AVP 0\n"
    );
    let dash = format!(
        "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT10S\" profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\">\
         <Period><AdaptationSet mimeType=\"audio/mp4\"><Representation id=\"1\" bandwidth=\"1\">\
         <BaseURL>{place}</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
    );
    // Under a name that promises sound, as somebody with bad intentions would send them.
    [("hls", hls), ("ffconcat", ffconcat), ("sdp", sdp), ("dash", dash)]
        .map(|(kind, list)| studio.write(&format!("{kind}-{index}.wav"), list))
}

#[tokio::test]
async fn a_recording_cut_in_half_is_transcribed_as_far_as_it_goes() {
    let studio = Studio::default();
    let english = Spoken::english();
    let stack = Stack::start().await;
    let mut jobs = Vec::new();
    for (arguments, name) in [
        // With the header in which MP3 states its length.
        ("-c:a libmp3lame -write_xing 1", "half.mp3"),
        ("-c:a flac", "half.flac"),
        ("-c:a libopus", "half.ogg"),
        ("-c:a libopus", "half.webm"),
    ] {
        let whole = studio.convert(&english.file, arguments, name);
        jobs.push((stack.client.submit(&studio.cut(&whole, 55), &[]).await, name));
    }
    for (id, name) in jobs {
        let job = stack.client.complete(&id).await;
        let code = WarningCode::MediaTruncated;
        assert_eq!(job["warnings"], json!([{ "code": code.as_str(), "message": code.sentence() }]), "{name}");
        assert_begins_like(&stack.client.text(&id).await, &english.text, 8, name);
    }
    stack.assert_nothing_is_left().await;
}
