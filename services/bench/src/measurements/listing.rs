//! Pages of a list of very many jobs, of several workspaces: the newest, those of one state, and those far down.

use escriba_domain::WorkspaceId;
use escriba_test_support::tenant;
use reqwest::Method;

use crate::{
    fill,
    load::{Until, ask},
    postgres::Durability,
    report::{Report, percentile},
    stand::Stand,
};

const WORKSPACES: usize = 20;
const CLIENTS: usize = 4;
const REQUESTS: usize = 2_000;

pub(crate) async fn measure(jobs: u64) -> anyhow::Result<Report> {
    let stand = Stand::start(Durability::Memory).await?;
    let template = stand.client.submit(&stand.short_recording(1), &[]).await;
    let mut workspaces: Vec<WorkspaceId> = Vec::new();
    for number in 1..WORKSPACES {
        workspaces.push(tenant(&stand.database, &format!("workspace {number}")).await.workspace);
    }
    fill::history(&stand, &template, &workspaces, jobs)?;

    let middle = fill::time_of(&stand, jobs / 2)?;
    let mut report = Report::default();
    for (what, query) in [
        ("newest", String::new()),
        ("failed ones", "?state=failed".to_owned()),
        ("canceled ones", "?state=canceled".to_owned()),
        ("from the middle on", format!("?created_before={middle}")),
        ("failed ones from the middle on", format!("?state=failed&created_before={middle}")),
    ] {
        let path = format!("/v1/jobs{query}");
        let times = ask(CLIENTS, Until::Each(REQUESTS / CLIENTS), async || {
            // Reading the JSON is the client's own business, and takes its time from the gateway's processor.
            let answer = stand.client.request(Method::GET, &path).send().await.expect("the gateway answers");
            assert!(answer.status().is_success());
            answer.bytes().await.expect("the answer is whole");
        })
        .await;
        let of = format!("{jobs} jobs, {what}");
        report.add(format!("{of}: a page of 50, median"), percentile(&times, 50), "ms");
        report.add_with_aim(format!("{of}: 99th percentile"), percentile(&times, 99), "ms", "< 20 ms");
    }
    Ok(report)
}
