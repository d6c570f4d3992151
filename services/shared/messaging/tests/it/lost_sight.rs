//! Work items that a consumer gives to nobody any more are found and given out.

use std::time::Duration;

use async_nats::jetstream::{
    AckKind,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use escriba_domain::Lane;
use escriba_messaging::{LostSight, Settlement};
use futures_util::StreamExt;

use crate::{
    server::{Server, doorbell, server, work_item},
    work::run,
};

/// The batch lane's consumer as it is declared, but for a limit of one delivery, which is used up for what waits.
async fn lose_sight(server: &Server) {
    let config = pull::Config {
        durable_name: Some("batch-tiny~en".to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        filter_subject: "work.batch.tiny~en.*".to_owned(),
        max_deliver: 1,
        ..pull::Config::default()
    };
    let consumer: PullConsumer = server.raw.create_consumer_on_stream(config, "WORK").await.unwrap();
    let mut given = consumer.fetch().max_messages(10).messages().await.unwrap();
    while let Some(message) = given.next().await {
        message.unwrap().ack_with(AckKind::Nak(None)).await.unwrap();
    }
    // Who asks next is given nothing, and only then is it forgotten.
    let mut given = consumer.batch().max_messages(1).expires(Duration::from_secs(1)).messages().await.unwrap();
    assert!(given.next().await.is_none());
}

#[tokio::test]
async fn what_a_consumer_lost_sight_of_is_given_out_again() {
    let server = server().await;
    let (lost, other) = (work_item(Lane::Batch), work_item(Lane::Interactive));
    server.publish(doorbell(&lost)).await;
    lose_sight(&server).await;
    let mut sight = LostSight::default();
    assert_eq!(server.messaging.find_lost_work(&mut sight).await.unwrap(), 0, "it might be on its way");
    assert_eq!(server.messaging.find_lost_work(&mut sight).await.unwrap(), 1);
    assert_eq!(server.messaging.find_lost_work(&mut sight).await.unwrap(), 0);
    let mut running = run(&server, 1, |_| async { Settlement::Done });
    assert_eq!(running.next().await, lost);

    // What only waits, or is held, is not lost.
    server.publish(doorbell(&other)).await;
    assert_eq!(running.next().await, other);
    for _ in 0..3 {
        assert_eq!(server.messaging.find_lost_work(&mut sight).await.unwrap(), 0);
    }
    server.no_work_is_left().await;
    running.stop().await;
}

#[tokio::test]
async fn work_of_a_model_that_nobody_serves_waits_and_is_not_lost() {
    let server = server().await;
    server.publish(doorbell(&work_item(Lane::Batch))).await;
    let mut sight = LostSight::default();
    for _ in 0..3 {
        assert_eq!(server.messaging.find_lost_work(&mut sight).await.unwrap(), 0);
    }
    assert_eq!(server.stored("WORK").await.len(), 1);
}
