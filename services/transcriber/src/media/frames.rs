//! What the decoding child says on its standard output: the one description of that stream, used by both ends.
//!
//! The stream opens with [`GREETING`], then frames follow: one byte for the kind, a little-endian `u32` for the length
//! of the body, the body. The reading end must trust nothing: the child may have been taken over by the file it
//! decodes, so a body's length is bounded before room is made for it.

use std::io::{self, Read, Write};

use escriba_domain::{FailureCode, WarningCode};

use crate::media::jail::{Wall, Walls};

/// Names the stream and its version. Both ends come from one binary, so another version means a broken deployment.
const GREETING: [u8; 5] = *b"ESCD\x03";

/// The longest body in bytes: two seconds of one channel.
const MAX_BODY: usize = 64 * 1024;

const INFO: u8 = 1;
const PCM: u8 = 2;
const WARNING: u8 = 3;
const END: u8 = 4;
const FAILED: u8 = 5;
const READY: u8 = 6;
const BEGAN: u8 = 7;
const COMPARING: u8 = 8;
const RENDITION: u8 = 9;

/// One message of the child's.
#[derive(Debug, PartialEq)]
pub(super) enum Frame {
    /// The child has started up and waits for a recording. Comes first, before there is one.
    Ready(Walls),
    /// It has been handed a recording; whatever becomes of it from here on, the recording may be the reason.
    Began,
    /// It compares channels before it decodes; how far it has come, of 100, if the length is known, else 0.
    Comparing { percent: u8 },
    /// What the recording's header says of its length, 0 if nothing, and how many channels the samples have.
    Info { duration_ms: u64, channels: u16 },
    /// 16 kHz samples, interleaved. None at all means only that the child is still at work.
    Pcm(Vec<i16>),
    /// More of what a browser plays in the recording's place.
    Rendition(Vec<u8>),
    /// Something is odd, and decoding went on.
    Warning(WarningCode),
    /// The last message of a child that has decoded everything; how many samples of each channel that was.
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

    pub(super) fn ready(&mut self, walls: Walls) -> io::Result<()> {
        self.frame(READY, &[wall_to_byte(walls.landlock), wall_to_byte(walls.seccomp)])
    }

    pub(super) fn began(&mut self) -> io::Result<()> {
        self.frame(BEGAN, &[])
    }

    pub(super) fn comparing(&mut self, percent: u8) -> io::Result<()> {
        self.frame(COMPARING, &[percent])
    }

    pub(super) fn info(&mut self, duration_ms: u64, channels: u16) -> io::Result<()> {
        self.frame(INFO, &[&duration_ms.to_le_bytes()[..], &channels.to_le_bytes()].concat())
    }

    /// Samples of so many channels, interleaved. No frame ends between two channels.
    pub(super) fn pcm(&mut self, samples: &[i16], channels: usize) -> io::Result<()> {
        if samples.is_empty() {
            return self.frame(PCM, &[]);
        }
        for block in samples.chunks(MAX_BODY / 2 / channels * channels) {
            let body: Vec<u8> = block.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.frame(PCM, &body)?;
        }
        Ok(())
    }

    pub(super) fn rendition(&mut self, bytes: &[u8]) -> io::Result<()> {
        bytes.chunks(MAX_BODY).try_for_each(|piece| self.frame(RENDITION, piece))
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
        READY => match *body {
            [landlock, seccomp] => Ok(Frame::Ready(Walls { landlock: wall(landlock)?, seccomp: wall(seccomp)? })),
            _ => Err(invalid("the decoder sent a malformed greeting")),
        },
        BEGAN => Ok(Frame::Began),
        COMPARING => Ok(Frame::Comparing { percent: body.first().map_or(0, |&percent| percent.min(100)) }),
        INFO => match body.split_last_chunk() {
            Some((duration, &channels)) => {
                Ok(Frame::Info { duration_ms: number(duration)?, channels: u16::from_le_bytes(channels) })
            }
            None => Err(invalid("the decoder sent a malformed number")),
        },
        PCM => Ok(Frame::Pcm(body.as_chunks().0.iter().copied().map(i16::from_le_bytes).collect())),
        RENDITION => Ok(Frame::Rendition(body.to_vec())),
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

fn wall_to_byte(wall: Wall) -> u8 {
    match wall {
        Wall::Missing => 0,
        Wall::Partial => 1,
        Wall::Whole => 2,
    }
}

fn wall(byte: u8) -> io::Result<Wall> {
    match byte {
        0 => Ok(Wall::Missing),
        1 => Ok(Wall::Partial),
        2 => Ok(Wall::Whole),
        _ => Err(invalid("the decoder sent an unknown code")),
    }
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
        let walls = Walls { landlock: Wall::Partial, seccomp: Wall::Whole };
        writer.ready(walls).unwrap();
        writer.began().unwrap();
        writer.comparing(7).unwrap();
        writer.info(4_000, 2).unwrap();
        writer.pcm(&[0, -1, i16::MAX, i16::MIN], 2).unwrap();
        writer.pcm(&[], 2).unwrap();
        writer.rendition(&[1, 2]).unwrap();
        writer.warning(WarningCode::MediaTruncated).unwrap();
        writer.failed(FailureCode::MediaNoAudio).unwrap();
        writer.end(4).unwrap();

        let mut reader = FrameReader::new(stream.as_slice());
        let frames: Vec<_> = std::iter::from_fn(|| reader.read().ok()).collect();
        assert_eq!(
            frames,
            [
                Frame::Ready(walls),
                Frame::Began,
                Frame::Comparing { percent: 7 },
                Frame::Info { duration_ms: 4_000, channels: 2 },
                Frame::Pcm(vec![0, -1, i16::MAX, i16::MIN]),
                Frame::Pcm(vec![]),
                Frame::Rendition(vec![1, 2]),
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
        let mut writer = FrameWriter::new(&mut stream).unwrap();
        writer.pcm(&samples, 1).unwrap();
        writer.pcm(&samples[..30_000], 3).unwrap();
        writer.pcm(&samples[..36_000], 3).unwrap();

        let mut reader = FrameReader::new(stream.as_slice());
        let frames: Vec<_> = std::iter::from_fn(|| reader.read().ok()).collect();
        let lengths = [MAX_BODY / 2, MAX_BODY / 2, 30_000, 32_766, 3_234];
        assert_eq!(frames, lengths.map(|length| Frame::Pcm(vec![7; length])));
    }

    #[test]
    fn a_child_that_lies_is_found_out_before_room_is_made_for_it() {
        let cases: [&[u8]; 7] = [
            b"HTTP/1.1 200 OK",
            b"ESCD\x03\x02\xff\xff\xff\xff",
            b"ESCD\x03\x0a\x00\x00\x00\x00",
            b"ESCD\x03\x05\x03\x00\x00\x00odd",
            b"ESCD\x03\x01\x02\x00\x00\x00\x00\x00",
            b"ESCD\x03\x06\x02\x00\x00\x00\x02\x09",
            b"ESCD\x03\x06\x00\x00\x00\x00",
        ];
        for stream in cases {
            let error = FrameReader::new(stream).read().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{stream:?}");
        }
        let cut = FrameReader::new(&b"ESCD\x03\x04\x08\x00\x00\x00\x00"[..]).read().unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }
}
