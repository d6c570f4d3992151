//! Why a job failed, or what is odd about one that did not: stable codes, each with a sentence that tells a person
//! what to do.

use crate::job::states;

states! {
    /// Why a job ended `failed`.
    FailureCode {
        /// The upload has no bytes.
        MediaEmpty = "media_empty",
        /// No known audio or video format.
        MediaUnrecognized = "media_unrecognized",
        /// A picture.
        MediaIsImage = "media_is_image",
        /// A file that only names other files or addresses.
        MediaIsPlaylist = "media_is_playlist",
        /// A known format without an audio track.
        MediaNoAudio = "media_no_audio",
        /// None of the audio tracks is the one asked for.
        MediaNoSuchTrack = "media_no_such_track",
        /// A known format whose audio cannot be decoded at all.
        MediaUndecodable = "media_undecodable",
        /// More hours of sound than are taken.
        MediaTooLong = "media_too_long",
        /// The recording crashed the decoder or held it up for good.
        DecoderCrashed = "decoder_crashed",
        /// The upload is gone from object storage.
        MediaMissing = "media_missing",
        /// No transcriber could load the model.
        ModelUnavailable = "model_unavailable",
        /// The worker died at this job too often.
        WorkerCrashed = "worker_crashed",
        /// A fault of Escriba's own.
        Internal = "internal",
    }
}

impl FailureCode {
    /// Whether the recording is at fault, so that the same one fails again; otherwise something of Escriba's is.
    pub const fn is_of_recording(self) -> bool {
        !matches!(self, Self::MediaMissing | Self::ModelUnavailable | Self::WorkerCrashed | Self::Internal)
    }

    /// One or two sentences for the person who sent the recording: what is wrong, and what to do.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::MediaEmpty => "The file is empty. Check that the recording was saved, then send it again.",
            Self::MediaUnrecognized => {
                "This is no audio or video file that can be read. Send a recording such as MP3, M4A, WAV, FLAC, \
                 OGG, WebM, MKV or MP4."
            }
            Self::MediaIsImage => "This is a picture, with no sound to transcribe. Send the recording itself.",
            Self::MediaIsPlaylist => {
                "This file only points at other files or addresses, which are never opened. Send the recording itself."
            }
            Self::MediaNoAudio => "This video has no sound track. Send a file that contains the sound.",
            Self::MediaNoSuchTrack => {
                "The recording has no audio track of that number or language. Choose another, or leave the choice open."
            }
            Self::MediaUndecodable => {
                "The file looks like a recording, but its sound is damaged and none of it can be decoded. Send an \
                 undamaged copy, or convert it to another format first."
            }
            Self::MediaTooLong => {
                "The recording holds more hours of sound than are transcribed at once. Cut it into parts and send each."
            }
            Self::DecoderCrashed => {
                "The file made the decoder fail, so nothing of it was transcribed. It may be damaged in an unusual way: \
                 convert it to another format, such as FLAC or MP3, and send that."
            }
            Self::MediaMissing => {
                "The uploaded recording is no longer in storage. Send it again, and tell the operator if this repeats."
            }
            Self::ModelUnavailable => {
                "The transcriber could not load the model. The operator can fetch it with `escriba models pull`."
            }
            Self::WorkerCrashed => {
                "The transcriber stopped unexpectedly each time it worked on this recording. Tell the operator; the \
                 recording may be damaged in an unusual way."
            }
            Self::Internal => {
                "Something went wrong inside Escriba. The operator finds the cause in the logs by the job's id."
            }
        }
    }
}

states! {
    /// What is odd about a result that was produced all the same.
    WarningCode {
        /// The recording ends before its own header says it does.
        MediaTruncated = "media_truncated",
        /// Parts of the recording could not be decoded and were skipped.
        MediaDamaged = "media_damaged",
    }
}

impl WarningCode {
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::MediaTruncated => "The recording breaks off before its end. It was transcribed as far as it goes.",
            Self::MediaDamaged => "Parts of the recording are damaged and were skipped.",
        }
    }
}
