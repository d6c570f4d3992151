//! Where a workspace's waiting jobs stand, all at once.

use escriba_database::{DatabaseError, queues};
use escriba_domain::{JobId, WorkspaceId};

use super::{
    App, Place,
    estimate::{self, Capacity, Waiting},
    usual_length,
};

/// Whoever stands behind so many chunks of its own workspace is told of its place when it comes nearer.
const FRONT: u64 = 200;

/// The places of those jobs at the front of each of the workspace's queues of which nothing was begun.
pub async fn places_of_workspace(app: &App, workspace: WorkspaceId) -> Result<Vec<(JobId, Place)>, DatabaseError> {
    let depths = app.depths.look(app).await?;
    let own_queues: Vec<_> = depths.iter().filter(|depth| depth.workspace == workspace && depth.waiting > 0).collect();
    if own_queues.is_empty() {
        return Ok(Vec::new());
    }
    let length_ms = usual_length(app, workspace).await?;
    let workers = app.workers.alive();
    let mut places = Vec::new();
    for queue in own_queues {
        let of_model: Vec<_> = depths.iter().filter(|depth| depth.model == queue.model).collect();
        let capacity = Capacity::for_model(&workers, &queue.model);
        let mut own = Waiting::default();
        for job in queues::front(&app.db, workspace, (queue.lane, &queue.model), FRONT).await? {
            if job.is_queued {
                let before = estimate::before(&of_model, (queue.lane, workspace), own);
                let work_ms = before.work_ms(length_ms) + job.audio_ms.unwrap_or(length_ms);
                let time_to_completion_ms = capacity.time_for(work_ms);
                places.push((job.job, Place { position: before.chunks + 1, time_to_completion_ms }));
            }
            own = own.and(Waiting { chunks: job.chunks, known_ms: job.known_ms, unknown: job.unknown });
        }
    }
    Ok(places)
}
