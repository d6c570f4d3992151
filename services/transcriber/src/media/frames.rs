//! What the decoding child says on its standard output: the one description of that stream, used by both ends.
//!
//! The stream opens with [`GREETING`], then frames follow: one byte for the kind, a little-endian `u32` for the length
//! of the body, the body. The reading end must trust nothing: the child may have been taken over by the file it
//! decodes, so a body's length is bounded before room is made for it.

use std::io::{self, Read, Write};

use escriba_domain::{FailureCode, WarningCode};

/// Names the stream and its version. Both ends come from one binary, so another version means a broken deployment.
const GREETING: [u8; 5] = *b"ESCD\x01";

/// The longest body in bytes: two seconds of samples.
const MAX_BODY: usize = 64 * 1024;

const INFO: u8 = 1;
const PCM: u8 = 2;
const WARNING: u8 = 3;
const END: u8 = 4;
const FAILED: u8 = 5;

/// One message of the child's.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// What the recording's header says of its length, 0 if nothing. Comes first.
    Info { duration_ms: u64 },
    /// 16 kHz mono samples. None at all means only that the child is still at work.
    Pcm(Vec<i16>),
    /// Something is odd, and decoding went on.
    Warning(WarningCode),
    /// The last message of a child that has decoded everything; how many samples that was.
    End { samples: u64 },
    /// The last message of a child that found nothing to decode.
    Failed { code: FailureCode },
}

/// The child's end.
pub(super) struct FrameWriter<W: Write> {
    out: W,
}

impl<W: Write> FrameWriter<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&GREETING)?;
        Ok(Self { out })
    }

    pub(super) fn info(&mut self, duration_ms: u64) -> io::Result<()> {
        self.frame(INFO, &duration_ms.to_le_bytes())
    }

    pub(super) fn pcm(&mut self, samples: &[i16]) -> io::Result<()> {
        if samples.is_empty() {
            return self.frame(PCM, &[]);
        }
        for block in samples.chunks(MAX_BODY / 2) {
            let body: Vec<u8> = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.frame(PCM, &body)?;
        }
        Ok(())
    }

    pub(super) fn warning(&mut self, code: WarningCode) -> io::Result<()> {
        self.frame(WARNING, code.as_str().as_bytes())
    }

    pub(super) fn end(&mut self, samples: u64) -> io::Result<()> {
        self.frame(END, &samples.to_le_bytes())
    }

    pub(super) fn failed(&mut self, code: FailureCode) -> io::Result<()> {
        self.frame(FAILED, code.as_str().as_bytes())
    }

    fn frame(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.flush()
    }
}

/// The parent's end.
#[derive(Debug)]
pub(super) struct FrameReader<R: Read> {
    input: R,
    greeted: bool,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, greeted: false }
    }

    /// The next frame. `UnexpectedEof` means that the child has gone; `InvalidData`, that it does not speak this
    /// language.
    pub(super) fn read(&mut self) -> io::Result<Frame> {
        if !self.greeted {
            let mut greeting = [0; GREETING.len()];
            self.input.read_exact(&mut greeting)?;
            if greeting != GREETING {
                return Err(invalid("the decoder speaks another version"));
            }
            self.greeted = true;
        }
        let mut head = [0; 5];
        self.input.read_exact(&mut head)?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        if length > MAX_BODY {
            return Err(invalid("the decoder sent an overlong frame"));
        }
        let mut body = vec![0; length];
        self.input.read_exact(&mut body)?;
        parse(head[0], &body)
    }
}

fn parse(kind: u8, body: &[u8]) -> io::Result<Frame> {
    match kind {
        INFO => Ok(Frame::Info { duration_ms: number(body)? }),
        PCM => Ok(Frame::Pcm(body.as_chunks().0.iter().copied().map(i16::from_le_bytes).collect())),
        WARNING => Ok(Frame::Warning(code(body)?)),
        END => Ok(Frame::End { samples: number(body)? }),
        FAILED => Ok(Frame::Failed { code: code(body)? }),
        _ => Err(invalid("the decoder sent an unknown frame")),
    }
}

fn number(body: &[u8]) -> io::Result<u64> {
    body.try_into().map(u64::from_le_bytes).map_err(|_| invalid("the decoder sent a malformed number"))
}

fn code<C: std::str::FromStr>(body: &[u8]) -> io::Result<C> {
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| invalid("the decoder sent an unknown code"))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_reads_back_as_it_was_written() {
        let mut stream = Vec::new();
        let mut writer = FrameWriter::new(&mut stream).unwrap();
        writer.info(4_000).unwrap();
        writer.pcm(&[0, -1, i16::MAX, i16::MIN]).unwrap();
        writer.pcm(&[]).unwrap();
        writer.warning(WarningCode::MediaTruncated).unwrap();
        writer.failed(FailureCode::MediaNoAudio).unwrap();
        writer.end(4).unwrap();

        let mut reader = FrameReader::new(stream.as_slice());
        let frames: Vec<_> = std::iter::from_fn(|| reader.read().ok()).collect();
        assert_eq!(
            frames,
            [
                Frame::Info { duration_ms: 4_000 },
                Frame::Pcm(vec![0, -1, i16::MAX, i16::MIN]),
                Frame::Pcm(vec![]),
                Frame::Warning(WarningCode::MediaTruncated),
                Frame::Failed { code: FailureCode::MediaNoAudio },
                Frame::End { samples: 4 },
            ]
        );
    }

    #[test]
    fn more_samples_than_a_frame_holds_are_split() {
        let samples = vec![7; MAX_BODY];
        let mut stream = Vec::new();
        FrameWriter::new(&mut stream).unwrap().pcm(&samples).unwrap();

        let mut reader = FrameReader::new(stream.as_slice());
        let frames: Vec<_> = std::iter::from_fn(|| reader.read().ok()).collect();
        assert_eq!(frames, [Frame::Pcm(vec![7; MAX_BODY / 2]), Frame::Pcm(vec![7; MAX_BODY / 2])]);
    }

    #[test]
    fn a_child_that_lies_is_found_out_before_room_is_made_for_it() {
        let cases: [&[u8]; 5] = [
            b"HTTP/1.1 200 OK",
            b"ESCD\x01\x02\xff\xff\xff\xff",
            b"ESCD\x01\x09\x00\x00\x00\x00",
            b"ESCD\x01\x05\x03\x00\x00\x00odd",
            b"ESCD\x01\x01\x02\x00\x00\x00\x00\x00",
        ];
        for stream in cases {
            let error = FrameReader::new(stream).read().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{stream:?}");
        }
        let cut = FrameReader::new(&b"ESCD\x01\x04\x08\x00\x00\x00\x00"[..]).read().unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }
}
