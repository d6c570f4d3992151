//! The doorbell for one chunk. Whoever answers it still has to claim the chunk.

use escriba_domain::{ChunkId, JobId, Lane, ModelName, OutboxId, ParseIdError, ParseModelError, WorkspaceId};
use prost::Message as _;

use crate::{
    message::{CONTENT_TYPE, Headers, Message},
    transcript::{lane_from_proto, lane_to_proto},
    v1,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkItem {
    pub workspace_id: WorkspaceId,
    pub job_id: JobId,
    pub chunk_id: ChunkId,
    pub lane: Lane,
    pub model: ModelName,
    /// How often this chunk has been put in the queue, from 1.
    pub ring: u32,
}

/// A message on WORK that is no work item.
#[derive(Debug, thiserror::Error)]
pub enum WorkItemError {
    #[error("the payload is not a work item")]
    Payload(#[from] prost::DecodeError),
    #[error(transparent)]
    Id(#[from] ParseIdError),
    #[error(transparent)]
    Model(#[from] ParseModelError),
    #[error("unknown lane {0}")]
    Lane(i32),
}

impl WorkItem {
    /// `work.<lane>.<model>.<job>`.
    pub fn subject(&self) -> String {
        work_subject(self.lane, &self.model, self.job_id)
    }

    pub fn decode(payload: &[u8]) -> Result<Self, WorkItemError> {
        let item = v1::WorkItem::decode(payload)?;
        Ok(Self {
            workspace_id: item.workspace_id.parse()?,
            job_id: item.job_id.parse()?,
            chunk_id: item.chunk_id.parse()?,
            lane: lane_from_proto(item.lane()).ok_or(WorkItemError::Lane(item.lane))?,
            model: item.model.parse()?,
            ring: item.ring,
        })
    }

    fn encode(&self) -> Vec<u8> {
        v1::WorkItem {
            workspace_id: self.workspace_id.to_string(),
            job_id: self.job_id.to_string(),
            chunk_id: self.chunk_id.to_string(),
            lane: lane_to_proto(self.lane).into(),
            model: self.model.to_string(),
            ring: self.ring,
        }
        .encode_to_vec()
    }
}

/// The subject of one job's work items: what a purge of them names.
pub fn work_subject(lane: Lane, model: &ModelName, job: JobId) -> String {
    format!("work.{lane}.{}.{job}", model.subject_token())
}

/// The work item as a message of the trace it belongs to.
pub fn work_message(item: &WorkItem, trace: &Headers) -> Message {
    let mut headers = trace.clone();
    headers.insert("content-type".to_owned(), CONTENT_TYPE.to_owned());
    Message { id: OutboxId::new(), job: item.job_id, subject: item.subject(), headers, payload: item.encode() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_item_reads_back_and_stays_under_a_kilobyte() {
        let item = WorkItem {
            workspace_id: WorkspaceId::new(),
            job_id: JobId::new(),
            chunk_id: ChunkId::new(),
            lane: Lane::Interactive,
            model: "large-v3-turbo-q5_0".parse().unwrap(),
            ring: 2,
        };
        let message = work_message(&item, &Headers::new());
        assert_eq!(WorkItem::decode(&message.payload).unwrap(), item);
        assert!(message.payload.len() < 1024);
    }
}
