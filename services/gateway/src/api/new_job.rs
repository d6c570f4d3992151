//! The two bodies that submit a job: a form with the recording in it, and JSON that says where the recording is.

mod import;

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaRequest, Registry},
};

pub(super) use import::{Import, not_imported};

use super::upload_form::{self, UploadForm};

/// A job that is asked for.
pub(super) enum NewJob {
    Form(UploadForm),
    Import(Import),
}

impl<'a> ApiExtractor<'a> for NewJob {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Import::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = vec![upload_form::media_type(), Import::media_type()];
        Some(MetaRequest { description: Some("The recording and its options."), content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let content_type = request.content_type().unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case(import::CONTENT_TYPE) {
            return Ok(Self::Import(Import::from_request(body).await?));
        }
        Ok(Self::Form(<UploadForm as FromRequest>::from_request(request, body).await?))
    }
}
