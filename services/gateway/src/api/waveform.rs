//! `/v1/jobs/{id}/waveform`: the outline of the recording, in the JSON format of BBC's audiowaveform, version 2.

use std::sync::Arc;

use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::Example,
};
use uuid::Uuid;

use super::{
    authentication::{ApiKey, Read},
    document::Group,
    problem::{Failure, failure},
};
use crate::app::{
    App,
    read_waveform::{Waveform, WaveformError, read_waveform},
};

pub struct WaveformApi {
    pub(super) app: Arc<App>,
}

/// The outline of a recording, as viewers of BBC's audiowaveform read it.
#[derive(Debug, Object)]
#[oai(rename = "Waveform", example)]
struct WaveformView {
    /// Of the format: 2.
    version: u32,
    /// All channels are drawn as one: 1.
    channels: u32,
    /// Samples a second.
    sample_rate: u32,
    /// So many samples make a pair.
    samples_per_pixel: u32,
    /// Of each number: 8.
    bits: u32,
    /// How many pairs there are.
    length: u64,
    /// The lowest and the highest sample of each pair in turn, -128 to 127.
    data: Vec<i8>,
}

#[derive(ApiResponse)]
enum WaveformResponse {
    /// The outline of the whole recording.
    #[oai(status = 200)]
    Waveform(Json<WaveformView>, #[oai(header = "Cache-Control")] String),
}

#[OpenApi(tag = "Group::Jobs")]
impl WaveformApi {
    /// Read a waveform
    ///
    /// The outline of a recording that is transcribed, to be drawn: how far its samples go down and up in each twentieth
    /// of a second, or in longer stretches where `points` asks for fewer.
    #[oai(path = "/v1/jobs/:id/waveform", method = "get", operation_id = "getWaveform")]
    async fn get(
        &self,
        key: ApiKey<Read>,
        /// The job's id.
        id: Path<Uuid>,
        /// At most so many pairs, 1 to 100000.
        #[oai(default = "default_points", validator(minimum(value = "1"), maximum(value = "100000")))]
        points: Query<u32>,
    ) -> Result<WaveformResponse, Failure> {
        let points = usize::try_from(points.0).unwrap_or(usize::MAX);
        let waveform = read_waveform(&self.app, key.0, id.0.into(), points).await.map_err(|error| {
            let code = match error {
                WaveformError::NotFound(_) => "job_not_found",
                _ => "waveform_missing",
            };
            failure(error.kind(), code, &error)
        })?;
        Ok(WaveformResponse::Waveform(Json(waveform.into()), "private, no-cache".to_owned()))
    }
}

const fn default_points() -> u32 {
    10_000
}

impl From<Waveform> for WaveformView {
    fn from(waveform: Waveform) -> Self {
        Self {
            version: 2,
            channels: 1,
            sample_rate: waveform.sample_rate,
            samples_per_pixel: waveform.samples_per_pair,
            bits: 8,
            length: waveform.pairs.len() as u64,
            data: waveform.pairs.concat(),
        }
    }
}

impl Example for WaveformView {
    fn example() -> Self {
        Waveform { sample_rate: 16_000, samples_per_pair: 800, pairs: vec![[-3, 2], [-64, 71]] }.into()
    }
}
