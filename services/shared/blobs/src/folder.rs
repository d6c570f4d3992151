//! Looking through a folder store. `object_store`'s own listing leaves out the files of unfinished uploads and ends at
//! the first name it cannot express, so this one reads the folder itself. It goes into no folder that keys do not
//! make, and follows no links.

use std::{
    fs::{self, DirEntry, Metadata},
    io,
    path::Path,
};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use crate::{BlobError, Leftover, LeftoverKind, Listed, ObjectKey, Place, key::is_folder_of_keys};

/// Where findings go; nobody listens any more when sending fails.
type Findings = mpsc::Sender<Result<Listed, BlobError>>;

/// Whoever listens has stopped doing so.
struct Unheard;

/// Tells of everything below `root`. Blocks.
pub(crate) fn look_through(root: &Path, findings: &Findings) {
    // An end that nobody waits for is no failure.
    let _ = look_into(root, "", findings);
}

fn look_into(folder: &Path, inside: &str, findings: &Findings) -> Result<(), Unheard> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => return tell_failure(folder, source, findings),
    };
    let mut empty = true;
    for entry in entries {
        empty = false;
        match entry {
            Ok(entry) => look_at(&entry, inside, findings)?,
            Err(source) => return tell_failure(folder, source, findings),
        }
    }
    // The folders of ids alone: `media` itself stays, however empty.
    if empty && inside.contains('/') {
        let kind = LeftoverKind::EmptyFolder;
        return tell(folder, Place::Leftover(Leftover { kind, path: folder.to_owned() }), findings);
    }
    Ok(())
}

fn look_at(entry: &DirEntry, inside: &str, findings: &Findings) -> Result<(), Unheard> {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    let inside = if inside.is_empty() { name.into_owned() } else { format!("{inside}/{name}") };
    let path = entry.path();
    let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
    if is_folder && is_folder_of_keys(&inside) {
        return look_into(&path, &inside, findings);
    }
    let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
    let place = match inside.parse::<ObjectKey>() {
        Ok(key) if is_file => Place::Object(key),
        _ if is_file && is_unfinished(&inside) => {
            Place::Leftover(Leftover { kind: LeftoverKind::UnfinishedUpload, path: path.clone() })
        }
        _ => Place::Unknown(inside),
    };
    tell(&path, place, findings)
}

/// `object_store` writes an upload to `<path>#<number>` and renames that in the end.
fn is_unfinished(path: &str) -> bool {
    path.rsplit_once('#').is_some_and(|(key, number)| {
        !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) && key.parse::<ObjectKey>().is_ok()
    })
}

fn tell(path: &Path, place: Place, findings: &Findings) -> Result<(), Unheard> {
    let found = fs::symlink_metadata(path).and_then(|metadata| Ok((modified(&metadata)?, metadata)));
    match found {
        Ok((last_modified, metadata)) => {
            let bytes = if metadata.is_file() { metadata.len() } else { 0 };
            findings.blocking_send(Ok(Listed { place, bytes, last_modified })).map_err(|_| Unheard)
        }
        Err(source) => tell_failure(path, source, findings),
    }
}

fn modified(metadata: &Metadata) -> io::Result<DateTime<Utc>> {
    metadata.modified().map(DateTime::from)
}

/// What went away while it was looked at is none.
fn tell_failure(path: &Path, source: io::Error, findings: &Findings) -> Result<(), Unheard> {
    if source.kind() == io::ErrorKind::NotFound {
        return Ok(());
    }
    findings.blocking_send(Err(BlobError::Folder { path: path.to_owned(), source })).map_err(|_| Unheard)
}

/// Removes a leftover; one that is gone, or a folder that is in use again, is no error. Blocks.
pub(crate) fn discard(leftover: &Leftover) -> Result<(), BlobError> {
    let removed = match leftover.kind {
        LeftoverKind::UnfinishedUpload => fs::remove_file(&leftover.path),
        LeftoverKind::EmptyFolder => fs::remove_dir(&leftover.path),
    };
    match removed {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => Ok(()),
        Err(source) => Err(BlobError::Folder { path: leftover.path.clone(), source }),
        Ok(()) => Ok(()),
    }
}

/// Below this no upload of any length can be taken.
const LEAST_ROOM: u64 = 16 << 20;

/// Fails when the disk under the folder is full. Blocks.
pub(crate) fn check_room(folder: &Path) -> Result<(), BlobError> {
    let told = rustix::fs::statvfs(folder);
    let told = told.map_err(|error| BlobError::Folder { path: folder.to_owned(), source: error.into() })?;
    if is_full(told.f_blocks, told.f_bavail.saturating_mul(told.f_frsize)) {
        let source = Box::new(io::Error::from(io::ErrorKind::StorageFull));
        return Err(BlobError::Full(object_store::Error::Generic { store: "folder", source }));
    }
    Ok(())
}

/// A file system without any blocks does not count them.
const fn is_full(blocks: u64, bytes_free: u64) -> bool {
    blocks > 0 && bytes_free < LEAST_ROOM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_nothing_fits_on_it() {
        assert!(is_full(1_000, 0) && is_full(1_000, LEAST_ROOM - 1));
        assert!(!is_full(1_000, LEAST_ROOM) && !is_full(0, 0));
        assert!(check_room(Path::new("/proc")).is_ok(), "no blocks at all");
        assert!(matches!(check_room(Path::new("/nowhere/at/all")), Err(BlobError::Folder { .. })));
    }
}
