//! Lists, filters and searches over the transcripts of very many jobs, half of which are the caller's. Each request
//! asks for something else of its kind, so that none is answered from what the one before left in memory.

use std::cell::Cell;

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
const CLIENTS: usize = 2;
const REQUESTS: usize = 400;

pub(crate) async fn measure(jobs: u64) -> anyhow::Result<Report> {
    let stand = Stand::start(Durability::Memory).await?;
    let template = stand.client.submit(&stand.short_recording(1), &[]).await;
    let mut workspaces: Vec<WorkspaceId> = Vec::new();
    for number in 1..WORKSPACES {
        workspaces.push(tenant(&stand.database, &format!("workspace {number}")).await.workspace);
    }
    fill::library(&stand, &template, &workspaces, jobs)?;

    let middle = fill::time_of(&stand, jobs / 2)?;
    let usual = |nth: u64| format!("q={}", word(100 + nth % 900));
    let common = |nth: u64| format!("q={}", word(1 + nth % 9));
    let rare = |nth: u64| format!("q={}", word(10_000 + nth * 199 % 90_000));
    let kinds: [(&str, &dyn Fn(u64) -> String); 18] = [
        ("newest", &|_| String::new()),
        ("failed or canceled", &|_| "state=failed,canceled".to_owned()),
        ("from the middle on", &|_| format!("created_before={middle}")),
        ("one language in a hundred", &|_| "language=es".to_owned()),
        ("one tag in a thousand", &|_| "tag=rare".to_owned()),
        ("one tag in five, failed", &|_| "tag=usual&state=failed".to_owned()),
        ("longest", &|_| "sort=-duration".to_owned()),
        ("last finished, of one language", &|_| "sort=-finished_at&language=es".to_owned()),
        ("longer than two hours", &|nth| format!("min_duration={}", 7_200 + nth)),
        ("a rare word", &rare),
        ("a usual word", &usual),
        ("one of the most common words", &common),
        ("a usual and a common word", &|nth| format!("{}+{}", usual(nth), word(1 + nth % 9))),
        ("two usual words", &|nth| format!("{}+{}", usual(nth), word(100 + nth * 7 % 900))),
        ("the beginning of a word", &|nth| format!("q={}*", word(0x100 + nth % 0x100))),
        ("a phrase", &|nth| format!("q=%22{}+{}%22", word(1 + nth % 9), word(1 + nth % 7))),
        ("a usual word, longest", &|nth| format!("{}&sort=-duration", usual(nth))),
        ("a usual word, failed", &|nth| format!("{}&state=failed", usual(nth))),
    ];
    let mut report = Report::default();
    for (what, query) in kinds {
        let asked = Cell::new(0);
        let times = ask(CLIENTS, Until::Each(REQUESTS / CLIENTS), async || {
            let path = format!("/v1/jobs?{}", query(asked.replace(asked.get() + 1)));
            // Reading the JSON is the client's own business, and takes its time from the gateway's processor.
            let answer = stand.client.request(Method::GET, &path).send().await.expect("the gateway answers");
            assert!(answer.status().is_success());
            answer.bytes().await.expect("the answer is whole");
        })
        .await;
        let of = format!("{jobs} transcripts, {what}");
        report.add(format!("{of}: a page of 50, median"), percentile(&times, 50), "ms");
        report.add_with_aim(format!("{of}: 95th percentile"), percentile(&times, 95), "ms", "< 50 ms");
    }
    Ok(report)
}

/// The n-th most common word.
fn word(n: u64) -> String {
    format!("w{n:x}")
}
