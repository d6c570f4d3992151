//! The server is made to agree with the declared streams, however often.

use escriba_domain::Lane;
use escriba_events::{EVENTS, WORK};
use escriba_messaging::{Messaging, MessagingError};
use escriba_test_support::{Nats, free_port};

use crate::server::{doorbell, messages, server, work_item};

#[tokio::test]
async fn declaring_streams_again_changes_nothing_and_loses_nothing() {
    let server = server().await;
    server.publish(doorbell(&work_item(Lane::Batch))).await;
    server.publish(messages(1).remove(0)).await;
    let before = [config(&server.raw, "WORK").await, config(&server.raw, "EVENTS").await];
    server.messaging.declare_streams(1).await.unwrap();
    assert_eq!([config(&server.raw, "WORK").await, config(&server.raw, "EVENTS").await], before);
    for stream in [WORK, EVENTS] {
        assert_eq!(server.messaging.stored_messages(&stream).await.unwrap(), 1, "{}", stream.name);
    }
}

async fn config(raw: &async_nats::jetstream::Context, stream: &str) -> async_nats::jetstream::stream::Config {
    let mut stream = raw.get_stream(stream).await.unwrap();
    stream.info().await.unwrap().config.clone()
}

#[tokio::test]
async fn streams_that_were_wiped_are_there_again_after_a_declaration() {
    let server = server().await;
    server.raw.delete_stream("WORK").await.unwrap();
    assert!(server.messaging.stored_messages(&WORK).await.is_err());
    server.messaging.declare_streams(1).await.unwrap();
    assert_eq!(server.messaging.stored_messages(&WORK).await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_in_the_error() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let error = Messaging::connect(&url, "test").await.unwrap_err();
    assert!(matches!(&error, MessagingError::Unreachable { url: named, .. } if *named == url), "{error}");
}

#[tokio::test]
async fn a_lost_connection_is_noticed_and_comes_back() {
    let mut nats = Nats::start();
    let messaging = Messaging::connect(&nats.url(), "test").await.unwrap();
    messaging.ping().unwrap();
    nats.kill();
    let seen = escriba_test_support::eventually("the loss is noticed", async || messaging.ping().err()).await;
    assert!(matches!(seen, MessagingError::Disconnected));
    nats.restart();
    escriba_test_support::eventually("the connection is back", async || messaging.ping().ok()).await;
    messaging.declare_streams(1).await.unwrap();
}
