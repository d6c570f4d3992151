//! `/v1/api-keys`: make, list, look at, rename and revoke the workspace's keys.

use std::sync::Arc;

use escriba_database::{
    DatabaseError,
    api_keys::{self, ApiKey as StoredKey},
};
use escriba_domain::{ApiKeyId, ErrorKind, WorkspaceId};
use poem_openapi::{
    ApiResponse, OpenApi,
    param::{Path, Query},
    payload::Json,
    types::ToJSON,
};
use uuid::Uuid;

use super::{
    api_key_view::{ApiKeyPage, ApiKeyView, NewApiKey, RenamedApiKey},
    authentication::{ApiKey, Manage},
    document::Group,
    idempotency::{self, Answered, KeyHeader},
    problem::{Failure, failure, invalid},
};
use crate::app::{
    App,
    answer_once::{Answer, Fingerprint},
    create_api_key::{CreateKeyError, create_api_key},
    rename_api_key::{RenameError, rename_api_key},
    revoke_api_key::{RevokeError, revoke_api_key},
};

const MAX_PAGE: u64 = 200;

pub struct ApiKeysApi {
    pub(super) app: Arc<App>,
}

#[derive(ApiResponse)]
enum Created {
    /// The key. Its `secret` is shown this once. `Location` is where to look at it.
    #[oai(status = 201)]
    Key(Json<ApiKeyView>, #[oai(header = "Location")] String),
}

#[derive(ApiResponse)]
enum Found {
    /// The key as it stands.
    #[oai(status = 200)]
    Key(Json<ApiKeyView>),
}

#[derive(ApiResponse)]
enum Listed {
    /// The keys of this page.
    #[oai(status = 200)]
    Page(Json<ApiKeyPage>),
}

#[OpenApi(prefix_path = "/v1/api-keys", tag = "Group::ApiKeys")]
impl ApiKeysApi {
    /// Make an API key
    ///
    /// The key is in the answer, and nowhere else ever after: only its hash is stored. It cannot have more scopes than
    /// the key that makes it. With an `Idempotency-Key` the answer is kept for a day, encrypted under that key.
    #[oai(path = "/", method = "post", operation_id = "createApiKey")]
    async fn create(
        &self,
        key: ApiKey<Manage>,
        /// Any text that names this request and no other, such as a UUID. Sent again with the same key within a day,
        /// the request is answered as it was the first time, and there is still one API key.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: KeyHeader,
        new: Json<NewApiKey>,
    ) -> Result<Answered<Created>, Failure> {
        let (app, caller) = (&self.app, key.caller());
        let request = Fingerprint::of("createApiKey", &[new.0.to_json_string().as_bytes()]);
        let made = idempotency::create_once(app, key.0, idempotency_key, request, |once| async move {
            create_api_key(app, caller, &new.0.into(), &once, created).await.map_err(not_created)
        });
        Ok(made.await?.into())
    }

    /// List API keys
    ///
    /// The workspace's keys, newest first, page by page. Revoked and expired ones are among them.
    #[oai(path = "/", method = "get", operation_id = "listApiKeys")]
    async fn list(
        &self,
        key: ApiKey<Manage>,
        /// How many, 1 to 200.
        #[oai(default = "default_page", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u64>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed, Failure> {
        let limit = limit.0.min(MAX_PAGE);
        // One more than asked for tells whether there is a next page.
        let before = parse_cursor(cursor.0)?;
        let mut found = api_keys::list(&self.app.db, key.0, before, limit + 1).await.map_err(unavailable)?;
        let more = found.len() as u64 > limit;
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let next_cursor = found.last().filter(|_| more).map(|key| key.id.to_string());
        Ok(Listed::Page(Json(ApiKeyPage { items: found.into_iter().map(ApiKeyView::from).collect(), next_cursor })))
    }

    /// Look at an API key
    ///
    /// Everything but the key itself.
    #[oai(path = "/:id", method = "get", operation_id = "getApiKey")]
    async fn get(
        &self,
        key: ApiKey<Manage>,
        /// The key's id.
        id: Path<Uuid>,
    ) -> Result<Found, Failure> {
        self.find(key.0, id.0.into()).await.map(|key| Found::Key(Json(key)))
    }

    /// Rename an API key
    ///
    /// Names are for people. What the key may be used for, and until when, stays as it is.
    #[oai(path = "/:id", method = "patch", operation_id = "updateApiKey")]
    async fn rename(
        &self,
        key: ApiKey<Manage>,
        /// The key's id.
        id: Path<Uuid>,
        change: Json<RenamedApiKey>,
    ) -> Result<Found, Failure> {
        rename_api_key(&self.app, key.0, id.0.into(), &change.0.name).await.map_err(|error| {
            let code = match &error {
                RenameError::Name(_) => "name_invalid",
                RenameError::NotFound(_) | RenameError::Database(_) => "api_key_not_found",
            };
            failure(error.kind(), code, &error)
        })?;
        self.find(key.0, id.0.into()).await.map(|key| Found::Key(Json(key)))
    }

    /// Revoke an API key
    ///
    /// From the next request on it opens nothing, for good; event streams that it opened end within seconds. It
    /// stays in the list, and revoking it again changes nothing. The last valid key with the scope `manage` cannot be
    /// revoked.
    #[oai(path = "/:id/revoke", method = "post", operation_id = "revokeApiKey")]
    async fn revoke(
        &self,
        key: ApiKey<Manage>,
        /// The key's id.
        id: Path<Uuid>,
    ) -> Result<Found, Failure> {
        revoke_api_key(&self.app, key.0, id.0.into()).await.map_err(|error| {
            let code = match &error {
                RevokeError::LastManageKey => "last_manage_key",
                RevokeError::NotFound(_) | RevokeError::Database(_) => "api_key_not_found",
            };
            failure(error.kind(), code, &error)
        })?;
        self.find(key.0, id.0.into()).await.map(|key| Found::Key(Json(key)))
    }
}

fn created(made: StoredKey, secret: String) -> Answer {
    let location = format!("/v1/api-keys/{}", made.id);
    idempotency::keepable(Created::Key(Json(ApiKeyView::from(made).with_secret(secret)), location))
}

fn not_created(error: CreateKeyError) -> Failure {
    let code = match &error {
        CreateKeyError::Name(_) => "name_invalid",
        CreateKeyError::NoScope => "scopes_empty",
        CreateKeyError::ScopeMissing(_) => "scope_missing",
        CreateKeyError::Expired => "expires_at_past",
        CreateKeyError::Once(_) | CreateKeyError::Random(_) | CreateKeyError::Database(_) => "internal",
    };
    match error {
        CreateKeyError::Once(error) => idempotency::refused(error),
        error => failure(error.kind(), code, &error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("There is no API key {0}.")]
struct NoSuchKey(ApiKeyId);

#[expect(clippy::needless_pass_by_value, reason = "so that it maps over errors")]
fn unavailable(error: DatabaseError) -> Failure {
    failure(error.kind(), "unavailable", &error)
}

impl ApiKeysApi {
    async fn find(&self, workspace: WorkspaceId, id: ApiKeyId) -> Result<ApiKeyView, Failure> {
        let key = api_keys::find(&self.app.db, workspace, id).await.map_err(unavailable)?;
        key.map(ApiKeyView::from).ok_or_else(|| failure(ErrorKind::NotFound, "api_key_not_found", &NoSuchKey(id)))
    }
}

const fn default_page() -> u64 {
    50
}

fn parse_cursor(cursor: Option<String>) -> Result<Option<ApiKeyId>, Failure> {
    let wrong = |_| invalid("cursor_invalid", "The cursor is not one this server gave. Use `next_cursor` as it is.");
    cursor.map(|text| text.parse().map_err(wrong)).transpose()
}
