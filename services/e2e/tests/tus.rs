//! A recording over a line that breaks again and again, sent by a tus client that knows nothing of Escriba, while the
//! gateway is killed in between: it arrives whole.

use std::{
    ffi::OsString,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use escriba_e2e::{Client, Service, Studio, ports, stack::files_below};
use escriba_test_support::{Nats, eventually, repo_root};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

const BYTES: usize = 64 << 20;
const CUTS: usize = 5;
/// A connection that is cut has brought so much by then: more than a gateway holds in memory.
const BYTES_BEFORE_CUT: u64 = 9 << 20;

#[tokio::test]
async fn a_line_that_breaks_five_times_and_a_killed_gateway_lose_no_byte() {
    let studio = Studio::default();
    let whole: Vec<u8> = (0..BYTES).map(|nth| (nth.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
    let file = studio.write("talk.wav", &whole);
    let mut house = House::open().await;
    let line = Line::to(house.http).await;

    let client = start_client(&format!("http://{}/v1/uploads", line.address), &house.client.key, &file);
    eventually("the line has broken twice", async || (line.broken() >= 2).then_some(())).await;
    house.gateway.kill();
    house.gateway.start().await;
    let ended = client.wait_with_output().await.unwrap();
    let (said, complained) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{said}{complained}{}", house.gateway.log());
    assert_eq!(line.broken(), CUTS);

    let job = house.client.job(said.trim()).await;
    assert_eq!(job["media"]["sha256"], hex::encode(Sha256::digest(&whole)));
    assert_eq!((&job["media"]["bytes"], &job["file_name"]), (&BYTES.into(), &"talk.wav".into()));
    assert_eq!((&job["options"]["lane"], &job["state"]), (&"batch".into(), &"queued".into()));
    let (status, jobs) = house.client.get("/v1/jobs").await;
    assert_eq!((status.as_u16(), jobs["items"].as_array().unwrap().len()), (200, 1));
    let (recordings, parts): (Vec<_>, Vec<_>) =
        files_below(&house.media_dir()).into_iter().partition(|path| path.starts_with(house.media_dir().join("media")));
    assert_eq!(recordings.len(), 1);
    assert!(parts.len() <= 1, "the killed gateway may have been storing one, which the sweep removes: {parts:?}");
}

/// A gateway without transcribers: what comes in stays.
struct House {
    gateway: Service,
    client: Client,
    http: SocketAddr,
    folder: TempDir,
    _nats: Nats,
}

impl House {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let nats = Nats::start();
        let [http, reports, internal] = ports::choose::<3>();
        let key_file = folder.path().join("api-key");
        let settings: Vec<(&str, OsString)> = vec![
            ("DATABASE_URL", format!("sqlite://{}?mode=rwc", folder.path().join("escriba.db").display()).into()),
            ("NATS_URL", nats.url().into()),
            ("STORAGE_URL", format!("file://{}", folder.path().join("media").display()).into()),
            ("GATEWAY_HTTP_ADDR", http.to_string().into()),
            ("GATEWAY_GRPC_ADDR", reports.to_string().into()),
            ("GATEWAY_INTERNAL_ADDR", internal.to_string().into()),
            ("BOOTSTRAP_KEY_FILE", key_file.clone().into()),
        ];
        let mut gateway = Service::new("escriba-gateway", settings, folder.path().join("gateway.log"), internal);
        gateway.start().await;
        let key = fs::read_to_string(key_file).unwrap();
        let client = Client::new(format!("http://{http}"), key.trim());
        Self { gateway, client, http, folder, _nats: nats }
    }

    fn media_dir(&self) -> PathBuf {
        self.folder.path().join("media")
    }
}

fn start_client(endpoint: &str, key: &str, file: &Path) -> Child {
    Command::new(repo_root().join(".local/bin/node"))
        .arg(repo_root().join("services/e2e/clients/upload.mjs"))
        .args([endpoint, key])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node can be run; `make setup-tests` installs it")
}

/// A way to the gateway that breaks a few times.
struct Line {
    address: SocketAddr,
    broken: Arc<AtomicUsize>,
}

impl Line {
    async fn to(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let broken = Arc::new(AtomicUsize::new(0));
        let counted = broken.clone();
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(carry(caller, gateway, counted.clone()));
            }
        });
        Self { address, broken }
    }

    fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }
}

/// Carries bytes both ways until one side ends, or until it is time to break.
async fn carry(caller: TcpStream, gateway: SocketAddr, broken: Arc<AtomicUsize>) -> io::Result<()> {
    let there = TcpStream::connect(gateway).await?;
    let (mut from_caller, mut to_caller) = caller.into_split();
    let (mut from_gateway, mut to_gateway) = there.into_split();
    let answers = tokio::spawn(async move { copy(&mut from_gateway, &mut to_caller).await });
    let carried = copy(&mut (&mut from_caller).take(BYTES_BEFORE_CUT), &mut to_gateway).await?;
    if carried == BYTES_BEFORE_CUT {
        let last = broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| (count < CUTS).then_some(count + 1));
        if last.is_ok() {
            answers.abort();
            return Ok(());
        }
    }
    copy(&mut from_caller, &mut to_gateway).await?;
    to_gateway.shutdown().await?;
    answers.await?.map(|_| ())
}
