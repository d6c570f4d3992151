//! The model hub as a source: one file over HTTP, going on where an earlier download stopped.
//!
//! A hub that gives nothing is given up at once, because another source may do; one that stops half-way is asked
//! again. What arrives is proven by its checksum, never by what the hub says of it.

use std::{
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::ProgressBar;
use reqwest::{Client, Response, StatusCode, header};
use tokio::{fs::File, io::AsyncWriteExt, time::sleep};

use super::{PullError, background::blocking, catalogue::Model, checksum, progress};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A connection silent for so long is taken for dead.
const SILENT_FOR: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);
/// How often in a row a download may bring nothing new once it has begun.
const BARREN_TRIES: u32 = 5;

/// Why one request did not bring the file to its end.
enum Broken {
    Here(PullError),
    There(String),
}

/// Downloads the model's file into `staging` and answers where it lies, verified.
pub(crate) async fn fetch(model: &Model, base_url: &str, staging: &Path) -> Result<PathBuf, PullError> {
    let file_name = model.file_name();
    let url = format!("{}/{file_name}", base_url.trim_end_matches('/'));
    let partial = staging.join(format!("{file_name}.partial"));
    let bar = progress::bytes(&format!("Fetching {} from the model hub", model.name), model.weights.bytes);
    let transferred = transfer(model, &url, &partial, &bar).await;
    bar.finish_and_clear();
    transferred?;

    let bar = progress::bytes(&format!("Verifying {}", model.name), model.weights.bytes);
    let sum = blocking({
        let (partial, bar) = (partial.clone(), bar.clone());
        move || checksum::of_file(&partial, &bar).map_err(|source| PullError::file(&partial, source))
    });
    let found = sum.await?;
    bar.finish_and_clear();
    if found == model.weights.sha256 {
        return Ok(partial);
    }
    fs::remove_file(&partial).map_err(|source| PullError::file(&partial, source))?;
    Err(PullError::WrongContent { name: model.name.to_owned(), origin: "the model hub".to_owned(), found })
}

async fn transfer(model: &Model, url: &str, partial: &Path, bar: &ProgressBar) -> Result<(), PullError> {
    let failed = |reason| PullError::Hub { name: model.name.to_owned(), reason };
    let client = Client::builder().connect_timeout(CONNECT_WITHIN).read_timeout(SILENT_FOR).build();
    let client = client.map_err(|error| failed(reason(&error)))?;

    let wanted = model.weights.bytes;
    let mut tries_left = 1;
    loop {
        let had = length(partial)?;
        if had == wanted {
            return Ok(());
        }
        let reason = match request(&client, url, partial, wanted, bar).await {
            Ok(()) => "the connection ended early".to_owned(),
            Err(Broken::There(reason)) => reason,
            Err(Broken::Here(error)) => return Err(error),
        };
        let has = length(partial)?;
        if has == wanted {
            return Ok(());
        }
        tries_left = if has > had { BARREN_TRIES } else { tries_left - 1 };
        if tries_left == 0 {
            return Err(failed(reason));
        }
        sleep(PAUSE).await;
    }
}

/// One request for what is still missing, appended to the partial file.
async fn request(client: &Client, url: &str, partial: &Path, wanted: u64, bar: &ProgressBar) -> Result<(), Broken> {
    let here = |source| Broken::Here(PullError::file(partial, source));
    let mut had = length(partial).map_err(Broken::Here)?;
    if had > wanted {
        fs::remove_file(partial).map_err(here)?;
        had = 0;
    }
    let mut get = client.get(url);
    if had > 0 {
        get = get.header(header::RANGE, format!("bytes={had}-"));
    }
    let mut response = get.send().await.map_err(|error| Broken::There(reason(&error)))?;
    let start = start_of(&response, had)?;

    // Opened only now, so that a hub that refuses leaves what an earlier one gave.
    let mut file = File::options().create(true).write(true).truncate(start == 0).open(partial).await.map_err(here)?;
    file.set_len(start).await.map_err(here)?;
    tokio::io::AsyncSeekExt::seek(&mut file, io::SeekFrom::Start(start)).await.map_err(here)?;
    bar.set_position(start);
    bar.reset_eta();

    let mut written = start;
    let ended = loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break Ok(()),
            Err(error) => break Err(Broken::There(reason(&error))),
        };
        written += piece.len() as u64;
        if written > wanted {
            break Err(Broken::There(format!("its file is larger than the {wanted} bytes of the model")));
        }
        file.write_all(&piece).await.map_err(here)?;
        bar.set_position(written);
    };
    file.flush().await.map_err(here)?;
    ended
}

/// Where the body begins in the file: servers may answer a request for a part with the whole.
fn start_of(response: &Response, had: u64) -> Result<u64, Broken> {
    match response.status() {
        StatusCode::OK => Ok(0),
        StatusCode::PARTIAL_CONTENT => {
            let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
            let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
            match start {
                Some(start) if start <= had => Ok(start),
                _ => Err(Broken::There("it sent another part of the file than was asked for".to_owned())),
            }
        }
        status => Err(Broken::There(format!("it answers {status}"))),
    }
}

fn length(partial: &Path) -> Result<u64, PullError> {
    match fs::metadata(partial) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(source) => Err(PullError::file(partial, source)),
    }
}

/// The cause a person can act on, which lies innermost.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        let waited = if error.is_connect() { CONNECT_WITHIN } else { SILENT_FOR };
        return format!("no answer within {} seconds", waited.as_secs());
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt, BufReader},
        net::TcpListener,
    };

    use super::{super::catalogue::Weights, *};

    const CONTENT: &[u8] = b"abc";
    const MODEL: Model = Model {
        name: "tiny",
        weights: Weights { bytes: 3, sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        sha1: "",
        mirrors: &[],
    };

    /// Gives each connection the next answer and returns the base URL and, at the end, the ranges asked for.
    async fn hub(answers: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/models/", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut ranges = Vec::new();
            for answer in answers {
                let (stream, _) = listener.accept().await.unwrap();
                let mut stream = BufReader::new(stream);
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                assert_eq!(line, "GET /models/ggml-tiny.bin HTTP/1.1\r\n");
                let mut range = String::new();
                while line != "\r\n" {
                    line.clear();
                    stream.read_line(&mut line).await.unwrap();
                    if let Some(asked) = line.strip_prefix("range: ") {
                        asked.trim_end().clone_into(&mut range);
                    }
                }
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
                ranges.push(range);
            }
            ranges
        });
        (url, served)
    }

    #[tokio::test]
    async fn a_broken_download_goes_on_where_it_stopped() {
        let staging = tempfile::tempdir().unwrap();
        let (url, served) = hub(vec![
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na",
            "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 1-2/3\r\ncontent-length: 2\r\n\r\nbc",
        ])
        .await;
        let path = fetch(&MODEL, &url, staging.path()).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), CONTENT);
        assert_eq!(served.await.unwrap(), ["", "bytes=1-"]);
    }

    #[tokio::test]
    async fn a_partial_file_of_an_earlier_run_is_used_and_a_hub_without_ranges_begins_again() {
        let staging = tempfile::tempdir().unwrap();
        fs::write(staging.path().join("ggml-tiny.bin.partial"), "xx").unwrap();
        let (url, served) = hub(vec!["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"]).await;
        let path = fetch(&MODEL, &url, staging.path()).await.unwrap();
        assert_eq!(fs::read(path).unwrap(), CONTENT);
        assert_eq!(served.await.unwrap(), ["bytes=2-"]);
    }

    #[tokio::test]
    async fn wrong_content_is_an_error_and_is_not_kept() {
        let staging = tempfile::tempdir().unwrap();
        let (url, _served) = hub(vec!["HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabd"]).await;
        let error = fetch(&MODEL, &url, staging.path()).await.unwrap_err();
        assert!(matches!(error, PullError::WrongContent { .. }), "{error}");
        assert_eq!(fs::read_dir(staging.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_hub_that_refuses_is_given_up_at_once_and_keeps_the_partial_file() {
        let staging = tempfile::tempdir().unwrap();
        let partial = staging.path().join("ggml-tiny.bin.partial");
        fs::write(&partial, "a").unwrap();
        let (url, _served) = hub(vec!["HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"]).await;
        let error = fetch(&MODEL, &url, staging.path()).await.unwrap_err();
        assert!(matches!(&error, PullError::Hub { reason, .. } if reason == "it answers 403 Forbidden"), "{error}");
        assert_eq!(fs::read(&partial).unwrap(), b"a");
    }

    #[tokio::test]
    async fn a_file_of_another_size_never_grows_past_the_models() {
        let staging = tempfile::tempdir().unwrap();
        let (url, _served) = hub(vec!["HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde"]).await;
        let error = fetch(&MODEL, &url, staging.path()).await.unwrap_err();
        assert!(matches!(error, PullError::Hub { .. }), "{error}");
        assert!(length(&staging.path().join("ggml-tiny.bin.partial")).unwrap() <= 3);
    }
}
