//! Object storage: typed keys, streaming in and out, over a folder (`file://`) or any S3-compatible store
//! (`s3://bucket`). Objects appear whole or not at all. Knows nothing of jobs, and so not what may be deleted.

mod error;
mod folder;
mod key;
mod listing;
mod store;
mod upload;

pub use error::BlobError;
pub use key::{ObjectKey, ParseKeyError};
pub use listing::{Leftover, LeftoverKind, Listed, Place};
pub use store::BlobStore;
pub use upload::{Stored, Upload};
