//! Messages that come more than once.

use std::collections::BTreeMap;

use escriba_e2e::nats_wire::Stored;
use rustix::process::Signal;

use crate::{dice::Dice, world::World};

const EVERYTHING: &str = ">";
/// Headers that the server adds, or acts upon.
const OF_THE_SERVER: &str = "Nats-";
const MESSAGE_ID: &str = "Nats-Msg-Id";

impl World {
    /// Every bell rings once more, under no id: two workers go for each chunk.
    pub(super) async fn double_bells(&self) -> anyhow::Result<()> {
        let _kept_alive = self.stack.nats.process.lock().await;
        let mut wire = self.stack.nats.wire().await;
        for bell in wire.kept("WORK", EVERYTHING).await {
            wire.publish(&bell.subject, &own_headers(&bell), &bell.payload).await;
        }
        Ok(())
    }

    /// What a relay does that was killed between publishing and deleting: the same ids once more, when the server has
    /// forgotten them.
    pub(super) async fn repeat_outbox(&self, dice: &mut Dice) -> anyhow::Result<()> {
        let mut kept = Vec::new();
        {
            let _kept_alive = self.stack.nats.process.lock().await;
            let mut wire = self.stack.nats.wire().await;
            for stream in ["WORK", "EVENTS"] {
                kept.extend(wire.kept(stream, EVERYTHING).await);
            }
        }
        self.stack.nats.restart(Signal::KILL, dice.millis(100, 1_000)).await?;
        let _kept_alive = self.stack.nats.process.lock().await;
        let mut wire = self.stack.nats.wire().await;
        for message in &kept {
            let mut headers = own_headers(message);
            headers.extend(message.headers.get_key_value(MESSAGE_ID).map(|(name, id)| (name.clone(), id.clone())));
            wire.publish(&message.subject, &headers, &message.payload).await;
        }
        Ok(())
    }
}

fn own_headers(message: &Stored) -> BTreeMap<String, String> {
    let mut headers = message.headers.clone();
    headers.retain(|name, _| !name.starts_with(OF_THE_SERVER));
    headers
}
