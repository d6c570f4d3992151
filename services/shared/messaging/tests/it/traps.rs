//! Two traps of async-nats 0.51 that the work runner goes around. A test here that fails after an upgrade says that a
//! trap is gone; then the notes in `consumer.rs` and `consumer/taps.rs` can go too.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use escriba_domain::Lane;
use escriba_test_support::PATIENCE;
use futures_util::StreamExt;

use crate::server::{Server, doorbell, server, work_item};

async fn consumer(server: &Server) -> Consumer<pull::Config> {
    let config = pull::Config { durable_name: Some("trap".to_owned()), ..pull::Config::default() };
    server.raw.create_consumer_on_stream(config, "WORK").await.unwrap()
}

#[tokio::test]
async fn a_double_acknowledgement_succeeds_on_a_stream_that_is_gone() {
    let server = server().await;
    server.publish(doorbell(&work_item(Lane::Batch))).await;
    let consumer = consumer(&server).await;
    let message = consumer.fetch().max_messages(1).messages().await.unwrap().next().await.unwrap().unwrap();
    server.raw.delete_stream("WORK").await.unwrap();
    message.double_ack().await.unwrap();
}

#[tokio::test]
async fn a_batch_with_an_idle_heartbeat_never_yields_what_comes_after_the_first_one() {
    let server = server().await;
    let consumer = consumer(&server).await;
    let pull = consumer.batch().max_messages(1).expires(Duration::from_secs(3)).heartbeat(Duration::from_millis(300));
    let mut batch = pull.messages().await.unwrap();
    let yielded = tokio::time::timeout(PATIENCE, async {
        let (yielded, ()) = tokio::join!(batch.next(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            server.publish(doorbell(&work_item(Lane::Batch))).await;
        });
        yielded
    });
    assert!(yielded.await.unwrap().is_none());
}
