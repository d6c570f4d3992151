//! Every path in object storage, made from ids alone: no name a person chose ever becomes part of one.

use std::{fmt, str::FromStr};

use escriba_domain::{ChunkId, JobId, MediaId, ParseIdError, PartId, UploadId, WorkspaceId};

/// Names one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKey {
    /// The bytes as uploaded.
    Media { workspace: WorkspaceId, media: MediaId },
    /// The speech of a planned chunk of a long recording.
    Windows { workspace: WorkspaceId, job: JobId, chunk: ChunkId },
    /// Some of the bytes of an upload that takes several requests.
    Part { workspace: WorkspaceId, upload: UploadId, part: PartId },
    /// The outline of a job's recording.
    Peaks { workspace: WorkspaceId, job: JobId },
    /// What browsers play in the place of a job's recording.
    Rendition { workspace: WorkspaceId, job: JobId },
}

/// The folders that hold everything of ours.
pub(crate) const FOLDERS: [&str; 5] = ["media", "windows", "uploads", "peaks", "renditions"];

/// Whether a folder of this path is one that keys make.
pub(crate) fn is_folder_of_keys(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [folder] => FOLDERS.contains(folder),
        [folder, workspace] => FOLDERS.contains(folder) && workspace.parse::<WorkspaceId>().is_ok(),
        ["windows", workspace, job] => workspace.parse::<WorkspaceId>().is_ok() && job.parse::<JobId>().is_ok(),
        ["uploads", workspace, upload] => {
            workspace.parse::<WorkspaceId>().is_ok() && upload.parse::<UploadId>().is_ok()
        }
        _ => false,
    }
}

impl ObjectKey {
    /// Whose object it is.
    pub const fn workspace(self) -> WorkspaceId {
        match self {
            Self::Media { workspace, .. }
            | Self::Windows { workspace, .. }
            | Self::Part { workspace, .. }
            | Self::Peaks { workspace, .. }
            | Self::Rendition { workspace, .. } => workspace,
        }
    }
}

/// The text is not the key of an object of ours.
#[derive(Debug, thiserror::Error)]
pub enum ParseKeyError {
    #[error("`{0}` is not an object key")]
    Shape(String),
    #[error(transparent)]
    Id(#[from] ParseIdError),
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media { workspace, media } => write!(f, "media/{workspace}/{media}"),
            Self::Windows { workspace, job, chunk } => write!(f, "windows/{workspace}/{job}/{chunk}"),
            Self::Part { workspace, upload, part } => write!(f, "uploads/{workspace}/{upload}/{part}"),
            Self::Peaks { workspace, job } => write!(f, "peaks/{workspace}/{job}"),
            Self::Rendition { workspace, job } => write!(f, "renditions/{workspace}/{job}"),
        }
    }
}

impl FromStr for ObjectKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let parts: Vec<&str> = text.split('/').collect();
        let key = match parts.as_slice() {
            ["media", workspace, media] => Self::Media { workspace: workspace.parse()?, media: media.parse()? },
            ["windows", workspace, job, chunk] => {
                Self::Windows { workspace: workspace.parse()?, job: job.parse()?, chunk: chunk.parse()? }
            }
            ["uploads", workspace, upload, part] => {
                Self::Part { workspace: workspace.parse()?, upload: upload.parse()?, part: part.parse()? }
            }
            ["peaks", workspace, job] => Self::Peaks { workspace: workspace.parse()?, job: job.parse()? },
            ["renditions", workspace, job] => Self::Rendition { workspace: workspace.parse()?, job: job.parse()? },
            _ => return Err(ParseKeyError::Shape(text.to_owned())),
        };
        // An id can be written in several ways, and only one of them is the object's path.
        if key.to_string() == text { Ok(key) } else { Err(ParseKeyError::Shape(text.to_owned())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_and_paths_cannot_be_smuggled_in() {
        let workspace = WorkspaceId::new();
        let keys = [
            ObjectKey::Media { workspace, media: MediaId::new() },
            ObjectKey::Windows { workspace, job: JobId::new(), chunk: ChunkId::new() },
            ObjectKey::Part { workspace, upload: UploadId::new(), part: PartId::new() },
            ObjectKey::Peaks { workspace, job: JobId::new() },
        ];
        for key in keys {
            assert_eq!(key.to_string().parse::<ObjectKey>().unwrap(), key);
        }
        for text in ["media/../etc/passwd", "/etc/passwd", "media/a/b", "windows/a/b/c", "windows/a/b", ""] {
            assert!(text.parse::<ObjectKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn keys_are_laid_out_by_workspace() {
        let text = "019a9a3e-7c1b-7d52-8f64-0a5b1c2d3e4f";
        let workspace: WorkspaceId = text.parse().unwrap();
        let media = ObjectKey::Media { workspace, media: text.parse().unwrap() };
        assert_eq!(media.to_string(), format!("media/{text}/{text}"));
        let windows = ObjectKey::Windows { workspace, job: text.parse().unwrap(), chunk: text.parse().unwrap() };
        assert_eq!(windows.to_string(), format!("windows/{text}/{text}/{text}"));
        let part = ObjectKey::Part { workspace, upload: text.parse().unwrap(), part: text.parse().unwrap() };
        assert_eq!(part.to_string(), format!("uploads/{text}/{text}/{text}"));
    }

    #[test]
    fn an_id_in_another_spelling_names_another_object() {
        let key = ObjectKey::Media { workspace: WorkspaceId::new(), media: MediaId::new() }.to_string();
        for text in [key.to_uppercase().replace("MEDIA", "media"), key.replace('-', ""), format!("{key}/")] {
            assert!(text.parse::<ObjectKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn folders_of_keys_are_known_by_their_shape() {
        let id = WorkspaceId::new();
        for path in [
            "media",
            "windows",
            "uploads",
            &format!("media/{id}"),
            &format!("windows/{id}"),
            &format!("windows/{id}/{id}"),
            &format!("uploads/{id}/{id}"),
        ] {
            assert!(is_folder_of_keys(path), "{path}");
        }
        for path in ["lost+found", "media/backup", &format!("media/{id}/{id}"), ""] {
            assert!(!is_folder_of_keys(path), "{path}");
        }
    }
}
