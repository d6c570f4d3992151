//! A subscriber that knows the NATS protocol and nothing of Escriba's own way of using it: what stands on a stream is
//! read as bytes and headers, as a program in another language would get them.
//!
//! Source: NATS client protocol; ADR-31 (direct get, `batch` since nats-server 2.11).

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

const INBOX: &str = "_INBOX.e2e";
const MOST_KEPT: u32 = 1000;

/// One connection.
#[derive(Debug)]
pub struct NatsWire {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// A message as it stands on a stream.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its place on the stream.
    pub sequence: u64,
    pub subject: String,
    pub headers: BTreeMap<String, String>,
    pub payload: Vec<u8>,
}

/// A message as it came: what the status line says (`204 EOB`, or nothing), headers, payload.
struct Received {
    status: String,
    headers: BTreeMap<String, String>,
    payload: Vec<u8>,
}

impl NatsWire {
    pub async fn connect(url: &str) -> Self {
        let address = url.strip_prefix("nats://").expect("a NATS URL");
        let stream = TcpStream::connect(address).await.expect("nats-server takes connections");
        let (reader, writer) = stream.into_split();
        let mut wire = Self { reader: BufReader::new(reader), writer };
        let hello = wire.line().await;
        assert!(hello.starts_with("INFO "), "nats-server says {hello}");
        let options =
            json!({ "verbose": false, "pedantic": false, "headers": true, "no_responders": true, "lang": "e2e" });
        wire.send(&format!("CONNECT {options}\r\nSUB {INBOX} 1\r\n")).await;
        wire
    }

    /// How many messages a stream holds.
    pub async fn stored(&mut self, stream: &str) -> u64 {
        self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({})).await;
        let answer = self.receive().await;
        let answer: Value = serde_json::from_slice(&answer.payload).expect("nats-server answers in JSON");
        answer["state"]["messages"].as_u64().unwrap_or_else(|| panic!("{stream}: {answer}"))
    }

    /// The kept events of one job, in the order of the stream.
    pub async fn events_of(&mut self, job: &str) -> Vec<Stored> {
        self.kept("EVENTS", &format!("events.job.*.*.{job}")).await
    }

    /// What a stream holds under these subjects, in its order.
    pub async fn kept(&mut self, stream: &str, subjects: &str) -> Vec<Stored> {
        let query = json!({ "seq": 1, "batch": MOST_KEPT, "next_by_subj": subjects });
        self.ask(&format!("$JS.API.DIRECT.GET.{stream}"), &query).await;
        let mut kept = Vec::new();
        loop {
            let Received { status, mut headers, payload } = self.receive().await;
            match status.as_str() {
                "" => {
                    let subject = headers.remove("Nats-Subject").expect("a stored message has a subject");
                    let sequence = headers.remove("Nats-Sequence").expect("a stored message has a place");
                    let sequence = sequence.parse().expect("places are numbers");
                    kept.push(Stored { sequence, subject, headers, payload });
                }
                "204 EOB" | "404 Message Not Found" | "404 No Messages" => return kept,
                other => panic!("{stream}, {subjects}: {other}"),
            }
        }
    }

    /// One question of the JetStream API, and its answer.
    pub async fn request(&mut self, subject: &str, query: &Value) -> Value {
        self.ask(subject, query).await;
        let answer = self.receive().await;
        serde_json::from_slice(&answer.payload).expect("nats-server answers in JSON")
    }

    /// Puts a message on a stream, and returns once it is stored there.
    pub async fn publish(&mut self, subject: &str, headers: &BTreeMap<String, String>, payload: &[u8]) {
        let lines: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("NATS/1.0\r\n{}\r\n", lines.concat());
        let length = head.len() + payload.len();
        self.send(&format!("HPUB {subject} {INBOX} {} {length}\r\n{head}", head.len())).await;
        self.writer.write_all(payload).await.expect("nats-server listens");
        self.send("\r\n").await;
        let answer = self.receive().await;
        let answer: Value = serde_json::from_slice(&answer.payload).expect("nats-server answers in JSON");
        assert!(answer["seq"].is_u64(), "{subject}: {answer}");
    }

    async fn ask(&mut self, subject: &str, query: &Value) {
        let query = query.to_string();
        self.send(&format!("PUB {subject} {INBOX} {}\r\n{query}\r\n", query.len())).await;
    }

    async fn receive(&mut self) -> Received {
        loop {
            let line = self.line().await;
            let words: Vec<_> = line.split(' ').collect();
            let last = |from_end: usize| words[words.len() - from_end].parse().expect("a length is a number");
            match words[0] {
                "PING" => self.send("PONG\r\n").await,
                "MSG" => return self.message(0, last(1)).await,
                "HMSG" => return self.message(last(2), last(1)).await,
                "-ERR" => panic!("nats-server says {line}"),
                _ => {}
            }
        }
    }

    async fn message(&mut self, header_length: usize, length: usize) -> Received {
        let mut bytes = vec![0; length + "\r\n".len()];
        self.reader.read_exact(&mut bytes).await.expect("a message is whole");
        let head = String::from_utf8(bytes[..header_length].to_vec()).expect("headers are text");
        let mut lines = head.lines();
        let status = lines.next().unwrap_or_default().trim_start_matches("NATS/1.0").trim().to_owned();
        let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
        Received { status, headers: headers.collect(), payload: bytes[header_length..length].to_vec() }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).await.expect("nats-server speaks in lines");
        assert!(line.ends_with("\r\n"), "nats-server hung up");
        line.trim_end().to_owned()
    }

    async fn send(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).await.expect("nats-server listens");
    }
}
