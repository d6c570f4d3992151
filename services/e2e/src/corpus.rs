//! Hundreds of damaged and malicious recordings, made from a seed: sound ones of every common kind, each broken in the
//! same ways. Where the sizes of things stand in a file is where decoders go wrong, so heads are hit most.

use std::{fs, path::PathBuf};

use crate::Studio;

/// Chance that repeats itself: xorshift64*.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number from 0 up to and without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end.max(1) as u64).expect("it is below a usize")
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll().to_be_bytes()[0]).collect()
    }
}

/// Sound that nobody takes for speech, because recognition is not what is tested and takes far longer than decoding.
const SOUND: &str = "-f lavfi -i anoisesrc=d=1:c=brown:a=0.002:r=16000:seed=1";

/// That sound in every kind of file: how `ffmpeg` is told, and the name.
const KINDS: [(&str, &str); 17] = [
    ("-c:a pcm_s16le", "a.wav"),
    ("-c:a flac", "a.flac"),
    ("-c:a libmp3lame", "a.mp3"),
    ("-c:a aac -movflags faststart", "a.m4a"),
    ("-c:a alac", "late.m4a"),
    ("-c:a libopus", "a.ogg"),
    ("-c:a libvorbis", "vorbis.ogg"),
    ("-c:a libopus", "a.webm"),
    ("-c:a flac", "a.mka"),
    ("FILM -c:v mpeg4 -c:a libvorbis", "a.mkv"),
    ("FILM -c:v mpeg4 -c:a aac", "a.mp4"),
    ("FILM -c:v mpeg4 -c:a libmp3lame", "a.avi"),
    ("FILM -c:v mpeg2video -c:a mp2", "a.ts"),
    ("-c:a pcm_s16be", "a.aiff"),
    ("-c:a pcm_s16le", "a.caf"),
    ("-c:a wmav2", "a.wma"),
    ("-c:a aac", "a.aac"),
];

/// Boxes of MP4 whose counts and times decide how much is read.
const BOXES: [[u8; 4]; 9] = [*b"stts", *b"stsz", *b"stsc", *b"stco", *b"mdhd", *b"mvhd", *b"tkhd", *b"esds", *b"moov"];

/// The files of a whole corpus.
pub fn make(studio: &Studio, dice: &mut Dice) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut sound: Vec<(&str, Vec<u8>)> = Vec::new();
    for (options, name) in KINDS {
        let film = "-f lavfi -i testsrc=duration=1:size=64x48:rate=5";
        let arguments = format!("{SOUND} {}", options.replace("FILM", film));
        let path = studio.make(&arguments, &format!("sound-{name}"));
        sound.push((name, fs::read(&path).expect("a file that was just made can be read")));
        files.push(path);
    }
    // `ffmpeg` writes none: a second of frames in its lowest mode (RFC 4867, section 5), all of zeros.
    sound.push(("a.amr", [&b"#!AMR\n"[..], &[&[4][..], &[0; 12]].concat().repeat(50)].concat()));
    for (index, (name, whole)) in sound.iter().enumerate() {
        let other = &sound[(index + 1) % sound.len()].1;
        for (kind, bytes) in broken(whole, other, dice) {
            files.push(studio.write(&format!("{kind}-{name}"), bytes));
        }
        // Sound as it is, under a name that promises something else.
        files.push(studio.write(&format!("misnamed-{name}.{}", ["mp3", "wav", "txt", "png"][dice.below(4)]), whole));
    }
    for (name, whole) in sound.iter().filter(|(name, _)| name.ends_with("m4a") || name.ends_with("mp4")) {
        for of in BOXES {
            if let Some(bytes) = with_huge_box(whole, of) {
                files.push(studio.write(&format!("huge-{}-{name}", String::from_utf8_lossy(&of)), bytes));
            }
        }
    }
    files.extend(strange_headers(studio, &sound));
    files.extend(bombs(studio));
    files
}

/// The ways in which each kind of file is broken.
fn broken(whole: &[u8], other: &[u8], dice: &mut Dice) -> Vec<(&'static str, Vec<u8>)> {
    let length = whole.len();
    let head = length.min(256);
    let mut made = Vec::new();
    let mut add = |kind, bytes: Vec<u8>| made.push((kind, bytes));
    add("cut-in-head", whole[..dice.below(head)].to_vec());
    add("cut", whole[..dice.below(length)].to_vec());
    add("cut-at-end", whole[..length - 1 - dice.below(16)].to_vec());
    add("headless", whole[dice.below(head)..].to_vec());
    for (kind, count, reach) in [("flip-head", 1, head), ("flips-head", 12, head), ("flips", 1 + length / 200, length)]
    {
        let mut bytes = whole.to_vec();
        for _ in 0..count {
            bytes[dice.below(reach)] ^= 1 << dice.below(8);
        }
        add(kind, bytes);
    }
    for (kind, number) in [("most", u32::MAX), ("half", 0x7fff_ffff), ("none", 0)] {
        let mut bytes = whole.to_vec();
        let at = dice.below(head - 4) & !3;
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        add(kind, bytes);
    }
    let mut holed = whole.to_vec();
    let from = dice.below(length);
    holed[from..(from + length / 5).min(length)].fill(0);
    add("hole", holed);
    add("magic", [&whole[..16], &dice.bytes(4_000)].concat());
    add("chimera", [&whole[..length / 2], &other[other.len() / 2..]].concat());
    add("twice", [whole, whole].concat());
    add("zip-behind", [whole, &b"PK\x03\x04"[..], &dice.bytes(500)].concat());
    let front =
        [&b"%PDF-1.7\n"[..], b"<html><script>", b"\x7fELF\x02\x01\x01", b"PK\x03\x04", b"#!/bin/sh\n"][dice.below(5)];
    add("polyglot", [front, whole].concat());
    made
}

/// The largest number behind the first box of this kind.
fn with_huge_box(whole: &[u8], of: [u8; 4]) -> Option<Vec<u8>> {
    let at = whole.windows(4).position(|bytes| bytes == of)?;
    let mut bytes = whole.to_vec();
    // Behind the version and flags: a count, or times.
    bytes.get_mut(at + 8..at + 24)?.fill(0x7f);
    Some(bytes)
}

/// Headers that are well formed and beyond belief.
fn strange_headers(studio: &Studio, sound: &[(&str, Vec<u8>)]) -> Vec<PathBuf> {
    let wav = &sound[0].1;
    let changed = |name: &str, at: usize, with: &[u8]| {
        let mut bytes = wav.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        studio.write(&format!("{name}.wav"), bytes)
    };
    let mut files = vec![
        changed("channels-65535", 22, &[0xff, 0xff]),
        changed("channels-0", 22, &[0, 0]),
        changed("channels-300", 22, &300_u16.to_le_bytes()),
        changed("rate-0", 24, &[0; 4]),
        changed("rate-1", 24, &1_u32.to_le_bytes()),
        changed("rate-most", 24, &u32::MAX.to_le_bytes()),
        changed("rate-50-mhz", 24, &50_000_000_u32.to_le_bytes()),
        changed("bytes-a-second-1", 28, &1_u32.to_le_bytes()),
        changed("bits-0", 34, &[0, 0]),
        changed("bits-65535", 34, &[0xff, 0xff]),
        changed("length-most", 40, &0xffff_fffe_u32.to_le_bytes()),
        changed("format-unknown", 20, &[0x99, 0x99]),
    ];
    // Samples in all, of 36 bits: fifty days of them.
    let mut flac = sound[1].1.clone();
    flac[21] |= 0x0f;
    flac[22..26].fill(0xff);
    files.push(studio.write("days.flac", flac));
    for name in ["empty.wav", "empty.ogg", "empty.m4a", "empty.mkv", "empty.flac"] {
        files.push(studio.make("-f lavfi -i anullsrc=r=16000:cl=mono -t 0", name));
    }
    files
}

/// Little that becomes much.
fn bombs(studio: &Studio) -> Vec<PathBuf> {
    vec![
        studio.make("-f lavfi -i anullsrc=r=8000:cl=mono -t 3600 -c:a flac", "hour.flac"),
        studio.make("-f lavfi -i anullsrc=r=192000:cl=7.1 -t 60 -c:a flac -sample_fmt s32", "wide.flac"),
        studio.make(
            "-f lavfi -i anullsrc=r=8000:cl=mono -t 1800 -c:a libopus -b:a 6k -frame_duration 60",
            "half-hour.ogg",
        ),
        studio.write("bomb.gz", [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0; 100_000]].concat()),
        studio.write("zeros.bin", vec![0; 2_000_000]),
        studio.write("ones.bin", vec![0xff; 2_000_000]),
    ]
}
