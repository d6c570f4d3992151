//! A zip file that is written on a thread of its own, because compressing is work, and read as a stream. Both ends wait
//! for each other, so that little of it is ever in memory.

use std::io::{self, Write};

use bytes::Bytes;
use chrono::{DateTime, Datelike, Timelike, Utc};
use futures_util::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use zip::{
    CompressionMethod, ZipWriter,
    result::{ZipError, ZipResult},
    write::{SimpleFileOptions, StreamWriter},
};

/// Steps that wait to be packed; a transcript comes in parts of some kilobytes.
const WAITING_STEPS: usize = 16;
/// Blocks that wait to be read.
const WAITING_BLOCKS: usize = 4;
const BLOCK_BYTES: usize = 64 << 10;

#[derive(Debug)]
enum Step {
    File(String, Option<DateTime<Utc>>),
    Data(Bytes),
    End,
}

/// Nobody reads the archive any more.
#[derive(Debug, thiserror::Error)]
#[error("nobody reads the archive any more")]
pub(super) struct Closed;

/// The writing end. Dropped before [`Archive::finish`], it ends the stream with an error.
#[derive(Debug)]
pub(super) struct Archive(mpsc::Sender<Step>);

impl Archive {
    pub(super) fn begin() -> (Self, impl Stream<Item = io::Result<Bytes>> + Send + use<>) {
        let (steps, receiver) = mpsc::channel(WAITING_STEPS);
        let (blocks, stream) = mpsc::channel(WAITING_BLOCKS);
        tokio::task::spawn_blocking(move || pack(receiver, &blocks));
        (Self(steps), ReceiverStream::new(stream))
    }

    /// Begins a file; what is written next is its content.
    pub(super) async fn file(&self, name: String, time: Option<DateTime<Utc>>) -> Result<(), Closed> {
        self.send(Step::File(name, time)).await
    }

    pub(super) async fn write(&self, data: Bytes) -> Result<(), Closed> {
        self.send(Step::Data(data)).await
    }

    pub(super) async fn finish(self) -> Result<(), Closed> {
        self.send(Step::End).await
    }

    async fn send(&self, step: Step) -> Result<(), Closed> {
        self.0.send(step).await.map_err(|_| Closed)
    }
}

fn pack(steps: mpsc::Receiver<Step>, blocks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut zip = ZipWriter::new_stream(Blocks { begun: Vec::new(), sender: blocks.clone() });
    // Dropped, it would end the archive as if it were whole: by then its reader must know better.
    let packed = write_steps(&mut zip, steps);
    let failed = |error: ZipError| blocks.blocking_send(Err(error.into())).ok();
    if let Err(error) = packed {
        failed(error);
        return;
    }
    if let Err(error) = zip.finish().and_then(|written| Ok(written.into_inner().flush()?)) {
        failed(error);
    }
}

fn write_steps(zip: &mut ZipWriter<StreamWriter<Blocks>>, mut steps: mpsc::Receiver<Step>) -> ZipResult<()> {
    while let Some(step) = steps.blocking_recv() {
        match step {
            Step::File(name, time) => zip.start_file(name, options(time))?,
            Step::Data(data) => zip.write_all(&data)?,
            Step::End => return Ok(()),
        }
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive broke off").into())
}

fn options(time: Option<DateTime<Utc>>) -> SimpleFileOptions {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).unix_permissions(0o644);
    match time.and_then(zip_time) {
        Some(time) => options.last_modified_time(time),
        None => options,
    }
}

fn zip_time(time: DateTime<Utc>) -> Option<zip::DateTime> {
    let small = |number: u32| u8::try_from(number).ok();
    let (year, month, day) = (u16::try_from(time.year()).ok()?, small(time.month())?, small(time.day())?);
    let (hour, minute, second) = (small(time.hour())?, small(time.minute())?, small(time.second())?);
    zip::DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
}

/// Hands on blocks of some size, and waits while the reader is behind.
struct Blocks {
    begun: Vec<u8>,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Blocks {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(data);
        if self.begun.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.begun.is_empty() {
            return Ok(());
        }
        let block = Bytes::from(std::mem::take(&mut self.begun));
        self.sender.blocking_send(Ok(block)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
