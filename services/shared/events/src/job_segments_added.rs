//! Segments of the transcript became final.

use escriba_domain::{ChunkId, JobId, Segment, WorkspaceId};

use crate::{JobEvent, segment_to_proto, v1};

pub fn job_segments_added(workspace: WorkspaceId, job: JobId, chunk: ChunkId, segments: &[Segment]) -> JobEvent {
    JobEvent::SegmentsAdded(v1::JobSegmentsAdded {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        chunk_id: chunk.to_string(),
        segments: segments.iter().map(segment_to_proto).collect(),
    })
}
