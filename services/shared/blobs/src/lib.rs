//! Object storage: typed keys, streaming in and out, over a folder (`file://`) or any S3-compatible store
//! (`s3://bucket`). Objects appear whole or not at all. Knows nothing of jobs.

mod error;
mod key;
mod store;
mod upload;

pub use error::BlobError;
pub use key::{ObjectKey, ParseKeyError};
pub use store::BlobStore;
pub use upload::{Stored, Upload};
