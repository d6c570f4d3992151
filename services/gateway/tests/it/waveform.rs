//! The outline that a transcriber stores is served, and goes with the recording.

use bytes::Bytes;
use escriba_blobs::{BlobStore, ObjectKey};
use escriba_domain::JobId;
use escriba_proto::v1::StoredPeaks;
use prost::Message as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    stack::{Gateway, on_each_engine, problem},
    worker::{Worker, done},
};

async fn store(gateway: &Gateway, job: JobId, bytes: Vec<u8>) {
    let store = BlobStore::open(&gateway.storage_url()).unwrap();
    let mut upload = store.upload(ObjectKey::Peaks { workspace: gateway.workspace, job }).await.unwrap();
    upload.write(Bytes::from(bytes)).await.unwrap();
    upload.finish().await.unwrap();
}

#[tokio::test]
async fn a_stored_outline_is_served_in_as_many_points_as_are_wanted() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let path = format!("/v1/jobs/{}/waveform", item.job_id);
        problem(gateway.get(&path).await, 404, "waveform_missing").await;
        let peaks = StoredPeaks { sample_rate: 16_000, samples_per_pair: 800, pairs: vec![255, 1, 128, 127, 0, 0] };
        store(gateway, item.job_id, peaks.encode_to_vec()).await;
        Worker::claim(gateway, &item).await.commit(done(150)).await;

        let waveform: Value = gateway.get(&path).await.json().await.unwrap();
        let expected = json!({
            "version": 2, "channels": 1, "sample_rate": 16_000, "samples_per_pixel": 800, "bits": 8, "length": 3,
            "data": [-1, 1, -128, 127, 0, 0],
        });
        assert_eq!(waveform, expected);
        let fewer: Value = gateway.get(&format!("{path}?points=2")).await.json().await.unwrap();
        assert_eq!((&fewer["samples_per_pixel"], &fewer["data"]), (&json!(1_600), &json!([-128, 127, 0, 0])));
        problem(gateway.get(&format!("{path}?points=0")).await, 400, "bad_request").await;

        let stranger = escriba_test_support::tenant(&gateway.db, "stranger").await;
        let request = gateway.anonymous(Method::GET, &path).bearer_auth(&stranger.key);
        problem(request.send().await.unwrap(), 404, "job_not_found").await;
        let gone = gateway.request(Method::DELETE, &format!("/v1/jobs/{}", item.job_id)).send().await.unwrap();
        assert_eq!((gone.status().as_u16(), gateway.stored_files()), (204, 0));
    })
    .await;
}
