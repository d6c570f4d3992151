//! Progress: said to whoever listens at that moment.

use escriba_domain::{JobId, WorkspaceId};
use escriba_events::v1::JobProgress;
use escriba_messaging::Messaging;
use escriba_test_support::PATIENCE;
use futures_util::StreamExt;

use crate::server::server;

fn progress(workspace: WorkspaceId, job: JobId, processed_ms: u64) -> JobProgress {
    JobProgress {
        workspace_id: workspace.to_string(),
        job_id: job.to_string(),
        processed_ms,
        audio_ms: 60_000,
        speed: 8.5,
        time_left_ms: Some(1_500),
    }
}

#[tokio::test]
async fn listeners_of_a_job_hear_its_progress_and_no_other_jobs() {
    let server = server().await;
    let (workspace, job, other) = (WorkspaceId::new(), JobId::new(), JobId::new());
    let mut heard = Box::pin(server.messaging.follow_progress(workspace, job).await.unwrap());
    // The subscription is at the server before anything is said.
    server.messaging.flush().await.unwrap();
    let teller = Messaging::connect(&server.nats.url(), "teller").await.unwrap();
    for said in [progress(workspace, job, 1_000), progress(workspace, job, 2_000)] {
        teller.tell_progress(workspace, other, &progress(workspace, other, 9_000)).await;
        teller.tell_progress(workspace, job, &said).await;
        assert_eq!(tokio::time::timeout(PATIENCE, heard.next()).await.unwrap().unwrap(), said);
    }
}

#[tokio::test]
async fn a_workspaces_listener_hears_all_its_jobs_and_no_other_workspaces() {
    let server = server().await;
    let (workspace, stranger, jobs) = (WorkspaceId::new(), WorkspaceId::new(), [JobId::new(), JobId::new()]);
    let mut heard = Box::pin(server.messaging.follow_workspace_progress(workspace).await.unwrap());
    server.messaging.flush().await.unwrap();
    for job in jobs {
        server.messaging.tell_progress(stranger, job, &progress(stranger, job, 9_000)).await;
        let said = progress(workspace, job, 1_000);
        server.messaging.tell_progress(workspace, job, &said).await;
        assert_eq!(tokio::time::timeout(PATIENCE, heard.next()).await.unwrap().unwrap(), said);
    }
}

#[tokio::test]
async fn telling_nobody_is_no_error_and_nothing_is_kept() {
    let server = server().await;
    let (workspace, job) = (WorkspaceId::new(), JobId::new());
    server.messaging.tell_progress(workspace, job, &progress(workspace, job, 1_000)).await;
    server.messaging.flush().await.unwrap();
    assert_eq!(server.messaging.stored_messages(&escriba_events::EVENTS).await.unwrap(), 0);
}
