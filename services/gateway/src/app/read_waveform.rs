//! The outline of a recording, as its transcriber stored it, in as many points as somebody wants to draw.

use bytes::Bytes;
use escriba_blobs::{BlobError, ObjectKey};
use escriba_database::{DatabaseError, jobs};
use escriba_domain::{ErrorKind, JobId, WorkspaceId};
use escriba_proto::v1::StoredPeaks;
use futures_util::TryStreamExt;
use prost::Message as _;

use super::App;

#[derive(Debug, thiserror::Error)]
pub enum WaveformError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error("The recording has no waveform. It gets one once it is transcribed, and keeps it as long as it is kept.")]
    Missing,
    #[error("a stored waveform cannot be read")]
    Garbled,
    #[error(transparent)]
    Storage(BlobError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl WaveformError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) | Self::Missing => ErrorKind::NotFound,
            Self::Garbled => ErrorKind::Internal,
            Self::Storage(error) => error.kind(),
            Self::Database(error) => error.kind(),
        }
    }
}

impl From<BlobError> for WaveformError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(_) => Self::Missing,
            other => Self::Storage(other),
        }
    }
}

/// An outline: the lowest and the highest sample of each stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waveform {
    pub sample_rate: u32,
    pub samples_per_pair: u32,
    pub pairs: Vec<[i8; 2]>,
}

pub async fn read_waveform(
    app: &App,
    workspace: WorkspaceId,
    id: JobId,
    most_points: usize,
) -> Result<Waveform, WaveformError> {
    let job = jobs::find(&app.db, workspace, id).await?.ok_or(WaveformError::NotFound(id))?;
    if job.media_deleted_at.is_some() {
        return Err(WaveformError::Missing);
    }
    // A job that does a span again has the recording of another.
    let key = ObjectKey::Peaks { workspace, job: job.redo.map_or(id, |redo| redo.of) };
    // Two bytes for each twentieth of a second: a day has 3.5 MB.
    let stored: Vec<Bytes> = app.blobs.get(key).await?.try_collect().await?;
    let stored = StoredPeaks::decode(stored.concat().as_slice()).map_err(|_| WaveformError::Garbled)?;
    Ok(Waveform::read(&stored).in_points(most_points))
}

impl Waveform {
    fn read(stored: &StoredPeaks) -> Self {
        let (pairs, _) = stored.pairs.as_chunks();
        Self {
            sample_rate: stored.sample_rate,
            samples_per_pair: stored.samples_per_pair,
            pairs: pairs.iter().map(|pair: &[u8; 2]| pair.map(u8::cast_signed)).collect(),
        }
    }

    /// With longer stretches, where there would be more than so many.
    fn in_points(self, most: usize) -> Self {
        let together = self.pairs.len().div_ceil(most.max(1)).max(1);
        if together == 1 {
            return self;
        }
        let pair = |pairs: &[[i8; 2]]| {
            pairs.iter().fold([i8::MAX, i8::MIN], |[low, high], pair| [low.min(pair[0]), high.max(pair[1])])
        };
        let factor = u32::try_from(together).unwrap_or(u32::MAX);
        Self {
            sample_rate: self.sample_rate,
            samples_per_pair: self.samples_per_pair.saturating_mul(factor),
            pairs: self.pairs.chunks(together).map(pair).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_points_are_of_longer_stretches() {
        let pairs = vec![[-1, 1], [-5, 2], [0, 9], [-2, 0], [-7, 7]];
        let waveform = Waveform { sample_rate: 16_000, samples_per_pair: 800, pairs };
        assert_eq!(waveform.clone().in_points(5), waveform);
        let fewer = waveform.clone().in_points(4);
        assert_eq!((fewer.samples_per_pair, fewer.pairs), (1_600, vec![[-5, 2], [-2, 9], [-7, 7]]));
        let one = waveform.in_points(1);
        assert_eq!((one.samples_per_pair, one.pairs), (4_000, vec![[-7, 9]]));
        let none = Waveform { sample_rate: 16_000, samples_per_pair: 800, pairs: vec![] };
        assert_eq!(none.clone().in_points(1), none);
    }
}
