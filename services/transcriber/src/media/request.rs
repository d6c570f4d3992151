//! What is wanted of a recording, and how it is said to a waiting child: one message on a socket, with the open file
//! beside it (`SCM_RIGHTS`, unix(7)). No name of a file ever crosses.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use escriba_domain::{AudioTrack, Channels, Language};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::{Deserialize, Serialize};

/// The longest message in bytes; real ones have about a hundred.
const MAX_MESSAGE: usize = 1024;

/// Which sound of a recording to decode, and how much of it at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeRequest {
    pub channels: Channels,
    /// `None`: the track most likely meant.
    pub track: Option<AudioTrack>,
    /// The language expected, which decides between tracks that are otherwise alike.
    pub language: Option<Language>,
    /// A recording that goes on for longer is refused.
    pub max_audio_ms: u64,
    /// Whether to make what browsers play, where they do not play the recording itself.
    pub rendition: bool,
}

impl Default for DecodeRequest {
    /// Everything as one channel, from the track most likely meant, up to a day of it.
    fn default() -> Self {
        Self {
            channels: Channels::Mix,
            track: None,
            language: None,
            max_audio_ms: 24 * 60 * 60 * 1000,
            rendition: false,
        }
    }
}

/// The two ends: the parent's and the child's.
pub(super) fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Hands `file` over. Fails if the other end is gone.
pub(super) fn send(socket: impl AsFd, file: BorrowedFd<'_>, request: &DecodeRequest) -> io::Result<()> {
    let message = serde_json::to_vec(request)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let descriptors = [file];
    if !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("there is no room for a descriptor"));
    }
    sendmsg(socket, &[IoSlice::new(&message)], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for a recording. `None`: the other end has gone, and there will be none.
pub(super) fn receive(socket: impl AsFd) -> io::Result<Option<(File, DecodeRequest)>> {
    let mut message = [0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let length = loop {
        let mut parts = [IoSliceMut::new(&mut message)];
        match recvmsg(&socket, &mut parts, &mut beside, RecvFlags::CMSG_CLOEXEC) {
            Ok(received) => break received.bytes,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    if length == 0 {
        return Ok(None);
    }
    let file = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let file = file.ok_or_else(|| io::Error::other("a request came without a file"))?;
    Ok(Some((File::from(file), serde_json::from_slice(&message[..length])?)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    #[test]
    fn a_request_arrives_with_its_file() {
        let (ours, theirs) = channel().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"sound").unwrap();
        let request = DecodeRequest {
            channels: Channels::Separate,
            track: Some(AudioTrack::Language("spa".to_owned())),
            language: Some(Language::ENGLISH),
            max_audio_ms: 5_000,
            rendition: true,
        };
        send(&ours, file.as_fd(), &request).unwrap();
        let (mut received, same) = receive(&theirs).unwrap().unwrap();
        received.rewind().unwrap();
        let mut text = String::new();
        received.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), same), ("sound", request));

        drop(ours);
        assert!(receive(&theirs).unwrap().is_none());
    }

    #[test]
    fn nobody_at_the_other_end_is_an_error() {
        let (ours, theirs) = channel().unwrap();
        drop(theirs);
        let file = tempfile::tempfile().unwrap();
        assert!(send(&ours, file.as_fd(), &DecodeRequest::default()).is_err());
    }
}
