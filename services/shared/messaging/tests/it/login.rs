//! A server that asks who we are is told, and nobody else is.

use escriba_messaging::{Messaging, MessagingError};
use escriba_test_support::{Nats, eventually};

/// Every character here means something in an address.
const PASSWORD: &str = "p@ss:w/rd%41?";
const IN_ADDRESS: &str = "p%40ss%3Aw%2Frd%2541%3F";

fn address(nats: &Nats, credentials: &str) -> String {
    nats.url().replace("://", &format!("://{credentials}@"))
}

#[tokio::test]
async fn a_user_logs_in_with_what_the_address_says_and_stays_so() {
    let mut nats = Nats::start_with(&["--user", "escriba", "--pass", PASSWORD]);
    let url = address(&nats, &format!("escriba:{IN_ADDRESS}"));
    let messaging = Messaging::connect(&url, "test").await.unwrap();
    messaging.declare_streams(1).await.unwrap();
    nats.restart();
    eventually("it has logged in again", async || messaging.declare_streams(1).await.ok()).await;
}

#[tokio::test]
async fn a_token_is_enough_where_the_server_asks_for_one() {
    let nats = Nats::start_with(&["--auth", PASSWORD]);
    let messaging = Messaging::connect(&address(&nats, IN_ADDRESS), "test").await.unwrap();
    messaging.declare_streams(1).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_told_without_its_password() {
    let nats = Nats::start_with(&["--user", "escriba", "--pass", PASSWORD]);
    for credentials in ["escriba:canary", "canary"] {
        let refused = Messaging::connect(&address(&nats, credentials), "test").await.unwrap_err();
        assert!(matches!(refused, MessagingError::Unreachable { .. }), "{refused}");
        let told = format!("{refused} {refused:?}");
        assert!(told.contains(&nats.url()) && told.contains("authorization violation"), "{told}");
        assert!(!told.contains("canary"), "{told}");
    }
}
