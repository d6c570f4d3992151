//! One transcriber is sent hundreds of damaged and malicious files, several at once. It does not die of any, opens
//! nothing but uploads, stays within its memory, and ends every job with a transcript or with a code and a sentence.

use std::{
    collections::BTreeMap,
    fs::{File, FileTimes},
    io::{ErrorKind, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use escriba_domain::FailureCode;
use escriba_e2e::{
    Spoken, Stack, Studio,
    corpus::{self, Dice},
    processes,
    words::assert_same_words,
};
use serde_json::Value;

/// The most memory that a decoding child may ever have in use: its address space is twice that.
const MOST_OF_A_CHILD: u64 = 512 << 20;

/// Finding the language takes as long as all the rest.
const ENGLISH: (&str, &str) = ("language", "en");

/// What hundreds of jobs may add to the memory of a transcriber that has done one.
const MOST_GROWTH: u64 = 256 << 20;

#[tokio::test]
async fn nothing_that_is_uploaded_brings_the_transcriber_down() {
    let seed = std::env::var("ESCRIBA_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_401);
    println!("ESCRIBA_TEST_SEED={seed}");
    let studio = Studio::default();
    let canaries = Canaries::new(&studio);
    let mut files = corpus::make(&studio, &mut Dice::new(seed));
    files.extend(canaries.lists(&studio));
    assert!(files.len() >= 300, "{} files", files.len());

    let mut stack = Stack::start().await;
    let english = Spoken::english();
    let first = stack.client.submit(&english.file, &[]).await;
    stack.client.complete(&first).await;
    let (transcriber, usual) = (stack.transcriber.pid(), stack.transcriber.peak_memory());
    let watch = Watch::over(transcriber);

    let mut jobs = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let options: &[_] = if index % 3 == 0 { &[ENGLISH, ("channels", "separate")] } else { &[ENGLISH] };
        jobs.push((stack.client.submit(file, options).await, file));
    }
    let mut ends = BTreeMap::new();
    for (id, file) in &jobs {
        let end = assert_ended_in_words(&stack.client.finish(id).await, file);
        *ends.entry(end).or_insert(0) += 1;
    }
    let most = watch.most();
    println!("{} files: {ends:?}; a child took {} MiB at most", files.len(), most >> 20);
    assert!(most > 0 && most < MOST_OF_A_CHILD, "a child took {} MiB", most >> 20);
    let growth = stack.transcriber.peak_memory().saturating_sub(usual);
    assert!(growth < MOST_GROWTH, "the transcriber grew by {} MiB", growth >> 20);
    assert!(stack.transcriber.is_alive() && stack.transcriber.pid() == transcriber);
    canaries.assert_untouched();

    let good = stack.client.submit(&english.file, &[]).await;
    stack.client.complete(&good).await;
    assert_same_words(&stack.client.text(&good).await, &english.text, "a good file after all those");
    stack.assert_nothing_is_left().await;
}

/// How a job ended: `completed`, or the code it failed with.
fn assert_ended_in_words(job: &Value, file: &Path) -> String {
    let name = file.display();
    if job["state"] == "completed" {
        return "completed".to_owned();
    }
    assert_eq!(job["state"], "failed", "{name}: {job}");
    let code = job["error"]["code"].as_str().unwrap_or_else(|| panic!("{name}: {job}"));
    let known: FailureCode = code.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(job["error"]["message"], known.sentence(), "{name}");
    let is_ours = matches!(known, FailureCode::Internal | FailureCode::WorkerCrashed | FailureCode::ModelUnavailable);
    assert!(!is_ours, "{name} is blamed on Escriba: {job}");
    code.to_owned()
}

/// Looks all the time how much memory a process's children have in use.
struct Watch {
    over: Arc<AtomicBool>,
    looking: thread::JoinHandle<u64>,
}

impl Watch {
    fn over(parent: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let looking = thread::spawn(move || {
            let mut most = 0;
            while !is_over.load(Ordering::Relaxed) {
                let children = processes::children(parent).into_iter();
                most = children.filter_map(processes::peak_memory).fold(most, u64::max);
                thread::sleep(Duration::from_millis(10));
            }
            most
        });
        Self { over, looking }
    }

    fn most(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().expect("looking does not fail")
    }
}

/// A place on the network and a file that nobody may look at.
struct Canaries {
    listener: TcpListener,
    file: PathBuf,
    read_last: SystemTime,
}

impl Canaries {
    fn new(studio: &Studio) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let file = studio.convert(&Spoken::english().file, "-c:a pcm_s16le", "secret.wav");
        // Linux notes that a file was read if it had not been for a day.
        let long_ago = SystemTime::now() - Duration::from_hours(24 * 365);
        let canary = File::options().write(true).open(&file).unwrap();
        canary.set_times(FileTimes::new().set_accessed(long_ago)).unwrap();
        let read_last = canary.metadata().unwrap().accessed().unwrap();
        Self { listener, file, read_last }
    }

    /// Files that name the canaries, in every way that a player would follow.
    fn lists(&self, studio: &Studio) -> Vec<PathBuf> {
        let path = self.file.display().to_string();
        let address = self.listener.local_addr().unwrap();
        let mut files = Vec::new();
        for (index, place) in
            [path.clone(), format!("file://{path}"), format!("http://{address}/a.ts")].iter().enumerate()
        {
            let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{place}\n#EXT-X-ENDLIST\n");
            let lists = [
                ("m3u8", hls.clone()),
                ("master", format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{place}\n")),
                ("key", format!("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"{place}\"\n#EXTINF:9,\n{place}\n")),
                ("ffconcat", format!("ffconcat version 1.0\nfile '{place}'\n")),
                (
                    "sdp",
                    format!(
                        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\na=control:{place}\nm=audio 5004 RTP/AVP 0\n"
                    ),
                ),
                (
                    "xspf",
                    format!(
                        "<?xml version=\"1.0\"?><playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\"><trackList><track><location>{place}</location></track></trackList></playlist>"
                    ),
                ),
                ("pls", format!("[playlist]\nFile1={place}\nNumberOfEntries=1\n")),
                ("asx", format!("<ASX version=\"3.0\"><Entry><Ref href=\"{place}\"/></Entry></ASX>")),
                ("mpd", format!("<?xml version=\"1.0\"?><MPD><Period><BaseURL>{place}</BaseURL></Period></MPD>")),
                // Behind something that hides what it is from a first look.
                ("hidden", format!("\u{1}\n{hls}")),
                ("id3", format!("ID3\u{4}\0\0\0\0\0\0{hls}")),
                ("late", format!("RIFF\0\0\0\0WAVE{hls}")),
            ];
            for (kind, list) in lists {
                files.push(studio.write(&format!("{kind}-{index}.wav"), list));
            }
        }
        files
    }

    fn assert_untouched(&self) {
        assert_eq!(self.listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody called");
        let accessed = || std::fs::metadata(&self.file).unwrap().accessed().unwrap();
        assert_eq!(accessed(), self.read_last, "somebody read the file beside the uploads");
        let mut byte = [0];
        File::open(&self.file).unwrap().read_exact(&mut byte).unwrap();
        if accessed() == self.read_last {
            println!("this file system does not note when files are read");
        }
    }
}
