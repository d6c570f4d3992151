//! Segments of the transcript became final.

use escriba_domain::{ChunkId, JobId, Segment, WorkspaceId};

use crate::{JobEvent, segment_to_proto, v1};

/// `chunk` is the chunk's id and its place in the recording.
pub fn job_segments_added(workspace: WorkspaceId, job: JobId, chunk: (ChunkId, u32), segments: &[Segment]) -> JobEvent {
    JobEvent::SegmentsAdded(v1::JobSegmentsAdded {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        chunk_id: chunk.0.to_string(),
        segments: segments.iter().map(segment_to_proto).collect(),
        chunk_position: chunk.1,
    })
}
