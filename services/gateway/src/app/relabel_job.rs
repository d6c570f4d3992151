//! Changes what is written on a job: its title, tags and metadata. Nothing that is recognised depends on these, so a
//! job in any state takes them.

use std::collections::BTreeMap;

use escriba_database::{DatabaseError, jobs};
use escriba_domain::{ErrorKind, JobId, LabelError, Labels, WorkspaceId};

use super::App;

#[derive(Debug, thiserror::Error)]
pub enum RelabelError {
    #[error("There is no job {0}.")]
    NotFound(JobId),
    #[error(transparent)]
    Labels(#[from] LabelError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl RelabelError {
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Labels(_) => ErrorKind::Invalid,
            Self::Database(error) => error.kind(),
        }
    }
}

/// What becomes of one label.
#[derive(Debug, Default)]
pub enum Change<T> {
    #[default]
    Keep,
    Remove,
    Set(T),
}

/// Which labels change. What is not named stays.
#[derive(Debug, Default)]
pub struct LabelChanges {
    pub title: Change<String>,
    pub tags: Change<Vec<String>>,
    /// Key by key: a value that is `None` removes its key.
    pub metadata: Change<BTreeMap<String, Option<String>>>,
}

impl LabelChanges {
    fn apply(self, labels: &mut Labels) {
        match self.title {
            Change::Keep => {}
            Change::Remove => labels.title = None,
            Change::Set(title) => labels.set_title(&title),
        }
        match self.tags {
            Change::Keep => {}
            Change::Remove => labels.tags.clear(),
            Change::Set(tags) => {
                labels.tags.clear();
                for tag in tags {
                    labels.add_tag(&tag);
                }
            }
        }
        match self.metadata {
            Change::Keep => {}
            Change::Remove => labels.metadata.clear(),
            Change::Set(changes) => {
                for (key, value) in changes {
                    match value {
                        Some(value) => labels.metadata.insert(key, value),
                        None => labels.metadata.remove(&key),
                    };
                }
            }
        }
    }
}

pub async fn relabel_job(
    app: &App,
    workspace: WorkspaceId,
    id: JobId,
    changes: LabelChanges,
) -> Result<(), RelabelError> {
    let tx = app.db.begin().await?;
    let job = jobs::lock(&tx, id).await?.filter(|job| job.workspace == workspace);
    let mut labels = job.ok_or(RelabelError::NotFound(id))?.labels;
    changes.apply(&mut labels);
    labels.check()?;
    jobs::relabel(&tx, id, &labels).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays_and_what_is_null_goes() {
        let text = |text: &str| text.to_owned();
        let before = Labels {
            title: Some(text("a")),
            tags: vec![text("x"), text("y")],
            metadata: BTreeMap::from([(text("k"), text("1")), (text("l"), text("2"))]),
        };
        let mut labels = before.clone();
        LabelChanges::default().apply(&mut labels);
        assert_eq!(labels, before);

        let metadata = BTreeMap::from([(text("k"), None), (text("m"), Some(text("3")))]);
        LabelChanges { metadata: Change::Set(metadata), ..LabelChanges::default() }.apply(&mut labels);
        assert_eq!(labels.metadata, BTreeMap::from([(text("l"), text("2")), (text("m"), text("3"))]));
        assert_eq!((&labels.title, &labels.tags), (&before.title, &before.tags));

        LabelChanges { title: Change::Remove, tags: Change::Set(vec![text("z")]), metadata: Change::Remove }
            .apply(&mut labels);
        assert_eq!(labels, Labels { tags: vec![text("z")], ..Labels::default() });
    }
}
