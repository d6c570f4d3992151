//! Against servers of this machine, on addresses that only an operator's word makes allowed.

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// Answers with the next of its answers each time.
#[derive(Debug)]
struct Changing(Mutex<VecDeque<IpAddr>>);

impl Lookup for Changing {
    fn lookup(&self, _name: String, port: u16) -> BoxFuture<'_, io::Result<Vec<SocketAddr>>> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async move { Ok(next.map(|ip| SocketAddr::new(ip, port)).into_iter().collect()) })
    }
}

fn remote(allowed: &[&str], answers: &[&str]) -> Remote {
    let answers = answers.iter().map(|ip| ip.parse().unwrap()).collect();
    let allowed = allowed.iter().map(|network| network.parse().unwrap()).collect();
    Remote { allowed, names: Arc::new(Changing(Mutex::new(answers))) }
}

/// A server that gives everybody the same answer, and counts them.
struct Server {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start(address: &str, answer: String) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let read = connection.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                assert!(!request.contains("authorization:") && !request.contains("cookie:"), "{request}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn found(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

async fn read(file: RemoteFile) -> Vec<u8> {
    let pieces: Vec<Bytes> = file.bytes.try_collect().await.unwrap();
    pieces.concat()
}

async fn refused(remote: &Remote, url: &str) -> RemoteError {
    match remote.open(url).await {
        Ok(_) => panic!("{url} was fetched"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn no_spelling_of_a_private_address_is_fetched() {
    let server = Server::start("127.0.0.1:0", found("secret")).await;
    let port = server.port;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
    ] {
        let error = refused(&remote(&[], &[]), &format!("http://{host}:{port}/a.mp3")).await;
        assert!(matches!(error, RemoteError::Private { .. }), "{host}: {error:?}");
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_name_is_as_private_as_what_it_resolves_to() {
    for ip in ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "fd00::1", "::ffff:192.168.1.1"] {
        let error = refused(&remote(&[], &[ip]), "https://example.org/a.mp3").await;
        assert!(matches!(error, RemoteError::Private { .. }), "{ip}: {error:?}");
    }
    let error = refused(&Remote::new(Vec::new()), "http://localhost/a.mp3").await;
    assert!(matches!(error, RemoteError::Private { .. }), "{error:?}");
    let error = refused(&remote(&[], &[]), "http://example.org/a.mp3").await;
    assert!(matches!(error, RemoteError::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let checked = Server::start("127.0.0.2:0", found("recording")).await;
    let other = Server::start(&format!("127.0.0.1:{}", checked.port), found("secret")).await;
    // Whoever looked the name up again would be led to the second address.
    let remote = remote(&["127.0.0.2/32"], &["127.0.0.2", "127.0.0.1", "127.0.0.1"]);
    let file = remote.open(&format!("http://example.org:{}/a.mp3", checked.port)).await.unwrap();
    assert_eq!(file.name.as_deref(), Some("a.mp3"));
    assert_eq!(read(file).await, b"recording");
    assert_eq!((checked.asked(), other.asked()), (1, 0));
}

#[tokio::test]
async fn each_redirect_is_checked_as_the_first_address_was() {
    let secret = Server::start("127.0.0.1:0", found("secret")).await;
    for place in [
        format!("http://127.0.0.1:{}/", secret.port),
        format!("http://2130706433:{}/", secret.port),
        format!("//[::ffff:127.0.0.1]:{}/", secret.port),
        format!("http://rebound.example:{}/", secret.port),
    ] {
        let server = Server::start("127.0.0.2:0", redirect(&place)).await;
        let remote = remote(&["127.0.0.2/32"], &["127.0.0.2", "127.0.0.1"]);
        let error = refused(&remote, &format!("http://example.org:{}/", server.port)).await;
        assert!(matches!(error, RemoteError::Private { .. }), "{place}: {error:?}");
        assert_eq!(server.asked(), 1);
    }
    for (place, credentials) in [("file:///etc/passwd", false), ("http://user:secret@example.org/", true)] {
        let server = Server::start("127.0.0.2:0", redirect(place)).await;
        let error = refused(&remote(&["127.0.0.2/32"], &[]), &format!("http://127.0.0.2:{}/", server.port)).await;
        assert_eq!(matches!(error, RemoteError::Credentials), credentials, "{error:?}");
        assert_eq!(matches!(error, RemoteError::Scheme(_)), !credentials, "{error:?}");
    }
    assert_eq!(secret.asked(), 0);
}

#[tokio::test]
async fn redirects_are_followed_five_times() {
    let place = Server::start("127.0.0.2:0", found("recording")).await;
    let mut next = place.port;
    for hops in 1..=6 {
        let server = Server::start("127.0.0.2:0", redirect(&format!("http://127.0.0.2:{next}/a.mp3"))).await;
        next = server.port;
        let opened = remote(&["127.0.0.0/8"], &[]).open(&format!("http://127.0.0.2:{next}/")).await;
        assert_eq!(opened.is_ok(), hops <= 5, "{hops} redirects");
    }
    let lost = Server::start("127.0.0.2:0", redirect("http://[")).await;
    let error = refused(&remote(&["127.0.0.0/8"], &[]), &format!("http://127.0.0.2:{}/", lost.port)).await;
    assert!(matches!(error, RemoteError::Redirects), "{error:?}");
}

#[tokio::test]
async fn what_is_no_plain_address_on_the_web_is_refused_before_anything_is_asked() {
    let remote = remote(&["0.0.0.0/0"], &[]);
    for url in ["ftp://example.org/a.mp3", "file:///etc/passwd", "data:audio/wav,x", "gopher://127.0.0.1/"] {
        assert!(matches!(refused(&remote, url).await, RemoteError::Scheme(_)), "{url}");
    }
    for url in ["http://user@example.org/", "http://user:secret@example.org/", "http://:secret@example.org/"] {
        assert!(matches!(refused(&remote, url).await, RemoteError::Credentials), "{url}");
    }
    for url in ["", "talk.mp3", "http://", "http://[", "http://256.256.256.256/"] {
        assert!(matches!(refused(&remote, url).await, RemoteError::NoUrl(_)), "{url}");
    }
}

#[tokio::test]
async fn what_the_other_side_says_is_handed_on() {
    let server = Server::start("127.0.0.2:0", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()).await;
    let error = refused(&remote(&["127.0.0.0/8"], &[]), &format!("http://127.0.0.2:{}/", server.port)).await;
    assert_eq!(error.to_string(), "`127.0.0.2` answered with 404 Not Found.");
    let closed = TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap().port();
    let error = refused(&remote(&["127.0.0.0/8"], &[]), &format!("http://127.0.0.2:{closed}/")).await;
    assert!(error.to_string().contains("Connection refused"), "{error}");
}
