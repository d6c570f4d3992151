//! The place where a page begins, as callers carry it: a few bytes in base64url that mean nothing to them. It names the
//! list it belongs to, because the same place in another list would silently leave jobs out.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use escriba_database::jobs::{Filter, Order, Place, SortKey};
use escriba_domain::WorkspaceId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 8;
/// The last microsecond of the year 9999: no engine takes every time that a cursor could be made to hold.
const LATEST: i64 = 253_402_300_799_999_999;

pub(super) fn write(place: Place, workspace: WorkspaceId, filter: &Filter, order: Order) -> String {
    let mut bytes = vec![VERSION];
    bytes.extend(digest(workspace, filter, order));
    bytes.extend(place.key.to_be_bytes());
    bytes.extend(place.id.as_uuid().into_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// `None` if it was not written for this list.
pub(super) fn read(text: &str, workspace: WorkspaceId, filter: &Filter, order: Order) -> Option<Place> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let (&version, rest) = bytes.split_first()?;
    let (found, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let (key, id) = rest.split_first_chunk()?;
    let (key, id) = (i64::from_be_bytes(*key), Uuid::from_slice(id).ok()?);
    let least = if order.key == SortKey::Duration { -1 } else { 0 };
    let fits = version == VERSION && *found == digest(workspace, filter, order) && (least..=LATEST).contains(&key);
    fits.then(|| Place { key, id: id.into() })
}

/// A release that adds a filter may refuse the cursors of the one before, whose lists are then begun anew.
fn digest(workspace: WorkspaceId, filter: &Filter, order: Order) -> [u8; DIGEST_BYTES] {
    let digest = Sha256::digest(format!("{workspace} {filter:?} {order:?}"));
    std::array::from_fn(|nth| digest[nth])
}

#[cfg(test)]
mod tests {
    use escriba_domain::{JobId, JobState};

    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_own_list_alone() {
        let (workspace, filter, order) = (WorkspaceId::new(), Filter::default(), Order::default());
        let place = Place { key: 1_795_000_000_000_001, id: JobId::new() };
        let text = write(place, workspace, &filter, order);
        assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{text}");
        assert_eq!(read(&text, workspace, &filter, order), Some(place));

        let failed = Filter { states: vec![JobState::Failed], ..Filter::default() };
        assert_eq!(read(&text, workspace, &failed, order), None);
        assert_eq!(read(&text, workspace, &filter, Order { descending: false, ..order }), None);
        assert_eq!(read(&text, WorkspaceId::new(), &filter, order), None);
    }

    #[test]
    fn whatever_else_is_sent_is_no_cursor() {
        let (workspace, filter, order) = (WorkspaceId::new(), Filter::default(), Order::default());
        let good = write(Place { key: 0, id: JobId::new() }, workspace, &filter, order);
        let out_of_time = write(Place { key: i64::MAX, id: JobId::new() }, workspace, &filter, order);
        let id = JobId::new().to_string();
        for text in ["", "latest", "é", &id, &good[1..], &good[..40], &format!("{good}AAAA"), &out_of_time] {
            assert_eq!(read(text, workspace, &filter, order), None, "{text}");
        }
    }
}
