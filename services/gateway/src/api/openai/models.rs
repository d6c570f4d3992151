//! `/v1/models`: which models may be asked for, as OpenAI lists its own.

use std::sync::Arc;

use escriba_domain::ModelName;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path, payload::Json, types::Example};

use super::error::Refusal;
use crate::{
    api::{
        authentication::{ApiKey, Read},
        document::Group,
    },
    app::App,
};

/// What programs ask for that know OpenAI's Whisper alone: this server's usual model.
const ALIAS: &str = "whisper-1";
/// 21 September 2022, when Whisper was published. A server knows no more of its models' age.
const CREATED: u64 = 1_663_718_400;

pub struct ModelsApi {
    pub(in crate::api) app: Arc<App>,
}

/// A model that may be asked for.
#[derive(Debug, Object)]
#[oai(rename = "OpenAiModel", example)]
struct ModelView {
    /// What to send as `model`.
    id: String,
    /// `model`
    object: String,
    /// When Whisper was published, in seconds since 1970, whichever of its models this is.
    created: u64,
    owned_by: String,
}

/// The models that may be asked for.
#[derive(Debug, Object)]
#[oai(rename = "OpenAiModels", example)]
struct ModelList {
    /// `list`
    object: String,
    data: Vec<ModelView>,
}

#[derive(ApiResponse)]
enum Listed {
    /// All of them.
    #[oai(status = 200)]
    Models(Json<ModelList>),
}

#[derive(ApiResponse)]
enum Found {
    /// It is offered here.
    #[oai(status = 200)]
    Model(Json<ModelView>),
}

#[OpenApi(prefix_path = "/v1/models", tag = "Group::OpenAi")]
impl ModelsApi {
    /// List models
    ///
    /// The models this server offers. `whisper-1` is another name of the usual one.
    #[oai(path = "/", method = "get", operation_id = "listModels")]
    #[expect(clippy::unused_async, reason = "operations are asynchronous")]
    async fn list(&self, _key: ApiKey<Read>) -> Result<Listed, Refusal> {
        let data = names(&self.app).map(ModelView::new).collect();
        Ok(Listed::Models(Json(ModelList { object: "list".to_owned(), data })))
    }

    /// Look at a model
    ///
    /// Says whether a model is offered here.
    #[oai(path = "/:model", method = "get", operation_id = "retrieveModel")]
    #[expect(clippy::unused_async, reason = "operations are asynchronous")]
    async fn get(
        &self,
        _key: ApiKey<Read>,
        /// The model's name.
        model: Path<String>,
    ) -> Result<Found, Refusal> {
        resolve(&self.app, &model.0)?;
        Ok(Found::Model(Json(ModelView::new(&model.0))))
    }
}

/// The model of this name.
pub(super) fn resolve(app: &App, asked: &str) -> Result<ModelName, Refusal> {
    let known = app.models.iter().find(|model| model.as_str() == asked);
    let usual = || app.models.first().filter(|_| asked == ALIAS);
    known.or_else(usual).cloned().ok_or_else(|| {
        let offered: Vec<_> = names(app).collect();
        Refusal::no_such_model(asked, &offered.join(", "))
    })
}

fn names(app: &App) -> impl Iterator<Item = &str> {
    std::iter::once(ALIAS).chain(app.models.iter().map(ModelName::as_str))
}

impl ModelView {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), object: "model".to_owned(), created: CREATED, owned_by: "escriba".to_owned() }
    }
}

impl Example for ModelView {
    fn example() -> Self {
        Self::new("base")
    }
}

impl Example for ModelList {
    fn example() -> Self {
        Self { object: "list".to_owned(), data: [ALIAS, "base"].map(ModelView::new).into() }
    }
}
