//! Things to start from, with every field set to something that is seen to survive a round trip.

use escriba_database::{
    Database,
    api_keys::{self, NewKey},
    workspaces,
};
use escriba_domain::{
    ApiKeyId, Channels, Decoding, JobOptions, Lane, Language, Scopes, Segment, Task, Word, WorkspaceId,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A workspace and a key that speaks for it.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub workspace: WorkspaceId,
    pub key_id: ApiKeyId,
    /// For `Authorization: Bearer …`.
    pub key: String,
}

/// Makes a workspace with an API key that may do everything. The schema must be up to date.
pub async fn tenant(db: &Database, name: &str) -> Tenant {
    let key = format!("esc_{}", Uuid::now_v7().simple());
    let tx = db.begin().await.expect("a transaction begins");
    let workspace = workspaces::create(&tx, name).await.expect("a workspace is made");
    let secret_hash = Sha256::digest(&key).into();
    let new = NewKey { workspace, name, prefix: &key[..12], secret_hash, scopes: Scopes::ALL, expires_at: None };
    let key_id = api_keys::create(&tx, &new).await.expect("a key is made");
    tx.commit().await.expect("the tenant is committed");
    Tenant { workspace, key_id, key }
}

/// What most jobs ask for: the model `base`, the interactive lane, the language detected.
pub fn job_options() -> JobOptions {
    JobOptions {
        language: None,
        languages: Vec::new(),
        multilingual: false,
        task: Task::Transcribe,
        model: "base".parse().expect("`base` is a model name"),
        lane: Lane::Interactive,
        prompt: None,
        hotwords: Vec::new(),
        channels: Channels::Mix,
        audio_track: None,
        word_timestamps: false,
    }
}

/// The segment at `index` of a recording that has one every two seconds, with two words.
pub fn segment(index: u32) -> Segment {
    let start_ms = u64::from(index) * 2_000;
    let word = |nth: u64, text: &str| Word {
        start_ms: start_ms + nth * 900,
        end_ms: start_ms + nth * 900 + 800,
        text: text.to_owned(),
        probability: 0.75,
    };
    Segment {
        index,
        start_ms,
        end_ms: start_ms + 1_900,
        text: format!("Sentence {index}, añadida."),
        language: Some(Language::ENGLISH),
        channel: Some(u16::try_from(index % 2).unwrap_or_default() + 1),
        avg_logprob: -0.25,
        no_speech_prob: 0.125,
        words: vec![word(0, "Sentence"), word(1, "añadida.")],
        speaker: None,
        decoding: Decoding {
            tokens: vec![50_364, 2_662 + index, 50_459],
            temperature: 0.2,
            window_start_ms: start_ms - start_ms % 10_000,
        },
    }
}
