//! API keys as callers see them and ask for them.

use chrono::{DateTime, Utc};
use escriba_database::api_keys::ApiKey;
use escriba_domain::Scope;
use poem_openapi::{Enum, Object, types::Example};
use uuid::Uuid;

use super::text::Text;
use crate::app::create_api_key::KeyRequest;

/// One thing that a key may be used for. No scope includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "ApiKeyScope", rename_all = "lowercase")]
pub(super) enum ScopeView {
    /// Look at jobs, transcripts, recordings, events and queues.
    Read,
    /// Submit recordings, and change or delete jobs and transcripts.
    Transcribe,
    /// Make, rename and revoke API keys.
    Manage,
}

/// A key of the workspace.
#[derive(Debug, Object)]
#[oai(rename = "ApiKey", example)]
pub(super) struct ApiKeyView {
    id: Uuid,
    /// Whatever tells you where it is used.
    name: String,
    /// How it begins, to tell it from others.
    prefix: String,
    /// What it may be used for.
    scopes: Vec<ScopeView>,
    created_at: DateTime<Utc>,
    /// When it ends by itself; null: never.
    expires_at: Option<DateTime<Utc>>,
    /// When it last came with a request, to the minute; null: never.
    last_used_at: Option<DateTime<Utc>>,
    /// Since when it opens nothing.
    revoked_at: Option<DateTime<Utc>>,
    /// The key itself, to be sent as `Authorization: Bearer …`. Only in the answer to its creation.
    #[oai(skip_serializing_if_is_none)]
    secret: Option<String>,
}

/// A page of keys, newest first.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct ApiKeyPage {
    pub(super) items: Vec<ApiKeyView>,
    /// Send it as `cursor` for the next page; null at the end.
    pub(super) next_cursor: Option<String>,
}

/// A key to be made.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields, example)]
pub(super) struct NewApiKey {
    /// Whatever tells you later where it is used: up to 100 characters.
    name: Text,
    /// What it may be used for; at most what the key has that makes it. Left out: to read and to transcribe.
    #[oai(default = "usual_scopes")]
    scopes: Vec<ScopeView>,
    /// When it shall end by itself, in the future. Left out: never.
    expires_at: Option<DateTime<Utc>>,
}

/// What changes of a key.
#[derive(Debug, Object)]
#[oai(rename = "ApiKeyChange", deny_unknown_fields, example)]
pub(super) struct RenamedApiKey {
    /// The new name: up to 100 characters.
    pub(super) name: Text,
}

impl ApiKeyView {
    pub(super) fn with_secret(self, secret: String) -> Self {
        Self { secret: Some(secret), ..self }
    }
}

fn usual_scopes() -> Vec<ScopeView> {
    vec![ScopeView::Read, ScopeView::Transcribe]
}

impl From<Scope> for ScopeView {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Read => Self::Read,
            Scope::Transcribe => Self::Transcribe,
            Scope::Manage => Self::Manage,
        }
    }
}

impl From<ScopeView> for Scope {
    fn from(scope: ScopeView) -> Self {
        match scope {
            ScopeView::Read => Self::Read,
            ScopeView::Transcribe => Self::Transcribe,
            ScopeView::Manage => Self::Manage,
        }
    }
}

impl From<ApiKey> for ApiKeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.as_uuid(),
            name: key.name,
            prefix: key.prefix,
            scopes: key.scopes.iter().map(ScopeView::from).collect(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
            secret: None,
        }
    }
}

impl From<NewApiKey> for KeyRequest {
    fn from(new: NewApiKey) -> Self {
        let scopes = new.scopes.into_iter().map(Scope::from).collect();
        Self { name: new.name.0, scopes, expires_at: new.expires_at }
    }
}

impl Example for ApiKeyView {
    fn example() -> Self {
        let created_at = DateTime::from_timestamp_millis(1_795_000_000_000).unwrap_or_default();
        Self {
            id: Uuid::from_u128(0x019a_9a3e_7c1b_7d52_8f64_0a5b_1c2d_3e4f),
            name: "Newsroom laptop".to_owned(),
            prefix: "esc_1f0c9a4b".to_owned(),
            scopes: usual_scopes(),
            created_at,
            expires_at: created_at.checked_add_signed(chrono::TimeDelta::days(365)),
            last_used_at: None,
            revoked_at: None,
            secret: None,
        }
    }
}

impl Example for ApiKeyPage {
    fn example() -> Self {
        Self { items: vec![ApiKeyView::example()], next_cursor: None }
    }
}

impl Example for NewApiKey {
    fn example() -> Self {
        let ApiKeyView { name, scopes, expires_at, .. } = ApiKeyView::example();
        Self { name: Text(name), scopes, expires_at }
    }
}

impl Example for RenamedApiKey {
    fn example() -> Self {
        Self { name: "Newsroom desktop".into() }
    }
}
