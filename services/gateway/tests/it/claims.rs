//! Claims and leases: one worker holds a chunk, and only the newest lease may change anything.

use escriba_database::transcripts;
use escriba_domain::{ChunkId, ChunkState, JobId};
use escriba_events::WorkItem;
use escriba_gateway::app::hold::LEASE_TIME;
use escriba_proto::v1::{Channels, Report, directive::Body as Answer, proceed::Source, refused::Reason};
use escriba_test_support::{eventually, segment};
use futures_util::StreamExt;
use tonic::Code;

use crate::{
    stack::{media, on_each_engine},
    worker::{ReportStream, Worker, claim, done, failed, progress, refusal, released, segments},
};

#[tokio::test]
async fn a_claim_is_answered_with_all_a_worker_needs() {
    on_each_engine(async |gateway| {
        let form = reqwest::multipart::Form::new()
            .text("language", "es")
            .text("prompt", "nombres")
            .text("word_timestamps", "true")
            .part("media", media(b"12345"));
        let item = gateway.submit_form(form).await;
        let mut worker = Worker::claim(gateway, &item).await;
        let proceed = worker.proceed.clone();
        assert_eq!((proceed.lease, proceed.resume_ms, proceed.next_index), (1, 0, 0));
        let Some(Source::Recording(recording)) = proceed.source else { panic!("it is the whole recording") };
        assert_eq!((recording.media_bytes, recording.planned_parts), (5, 0));
        let ids = (proceed.workspace_id, proceed.job_id, proceed.chunk_id);
        let rung_for = [gateway.workspace.to_string(), item.job_id.to_string(), item.chunk_id.to_string()];
        assert_eq!(<[String; 3]>::from(ids), rung_for);
        assert_eq!(u128::from(proceed.lease_ms), LEASE_TIME.as_millis());
        let options = proceed.options.unwrap();
        assert_eq!((options.language.as_str(), options.model.as_str()), ("es", "base"));
        assert_eq!((options.prompt.as_str(), options.word_timestamps), ("nombres", true));
        assert_eq!((options.channels(), options.audio_track.as_str()), (Channels::Mix, ""));
        assert!(gateway.folder().join("media-store").join(&recording.media_key).is_file());
        assert_eq!(gateway.job(item.job_id).await["state"], "running");

        worker.report(progress(1_000, 4_000)).await;
        eventually("the progress is seen", async || {
            (gateway.job(item.job_id).await["progress"]["ratio"] == 0.25).then_some(())
        })
        .await;
        worker.commit(done(4_000)).await;
        assert!(worker.is_ended().await);
    })
    .await;
}

#[tokio::test]
async fn a_worker_hears_all_that_was_asked_for_and_a_successor_is_not_held_to_one_language() {
    on_each_engine(async |gateway| {
        let form = reqwest::multipart::Form::new()
            .text("languages", "en,es")
            .text("multilingual", "true")
            .text("hotwords", "Escriba,Traefik")
            .text("channels", "separate")
            .text("audio_track", "2")
            .part("media", media(b"12345"));
        let item = gateway.submit_form(form).await;
        let mut worker = Worker::claim(gateway, &item).await;
        let first = worker.proceed.options.clone().unwrap();
        assert_eq!((first.languages.as_slice(), first.multilingual), (&["en".to_owned(), "es".to_owned()][..], true));
        assert_eq!((first.hotwords.join(" ").as_str(), first.channels()), ("Escriba Traefik", Channels::Separate));
        assert_eq!((first.audio_track.as_str(), first.language.as_str()), ("2", ""));
        assert_eq!(first.given_language, "", "what is found does not change which track is chosen");

        worker.commit(segments(&[segment(0)], 2_000)).await;
        assert_eq!(gateway.job(item.job_id).await["language"], "en", "it is known, for people");
        worker.commit(released()).await;
        let again = gateway.doorbell().await;
        let mut worker = Worker::claim(gateway, &again).await;
        assert_eq!(worker.proceed.options.clone().unwrap(), first);
        worker.commit(done(2_000)).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_worker_is_refused_while_the_first_lives() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        assert_eq!(refusal(gateway, &item, 0).await, Reason::Over, "nothing else waits");
        assert_eq!(refusal(gateway, &item, 77).await, Reason::Held, "a lease nobody gave");
        worker.commit(done(1_000)).await;
        assert_eq!(refusal(gateway, &item, 0).await, Reason::Over);
        assert_eq!(refusal(gateway, &item, worker.proceed.lease).await, Reason::Over);
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.attempt, chunk.state), (1, ChunkState::Completed));
    })
    .await;
}

#[tokio::test]
async fn of_many_workers_that_answer_one_doorbell_one_gets_the_chunk() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let gateway = &*gateway;
        let claims = (0..6).map(async |_| {
            let mut stream = ReportStream::open(gateway).await;
            let answer = stream.say(claim(&item, 0)).await.unwrap().unwrap().body.unwrap();
            // The stream stays open, so that the lease is not given up.
            (matches!(answer, Answer::Proceed(_)), stream)
        });
        let answers = futures_util::future::join_all(claims).await;
        assert_eq!(answers.iter().filter(|(granted, _)| *granted).count(), 1);
        assert_eq!(gateway.chunk(item.chunk_id).await.lease, 1);
    })
    .await;
}

#[tokio::test]
async fn a_stale_lease_is_superseded_whatever_it_reports() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let first = Worker::claim(gateway, &item).await;
        let mut stale = Vec::new();
        for _ in 0..5 {
            stale.push(Worker::resume(gateway, &item, first.proceed.lease).await);
        }
        gateway.expire_lease(item.chunk_id).await;
        let mut second = take_over(gateway, &item).await;
        second.commit(segments(&[segment(0)], 2_000)).await;
        let before = gateway.chunk(item.chunk_id).await;

        let reports = [
            progress(90_000, 90_000),
            segments(&[segment(0), segment(1)], 4_000),
            done(4_000),
            failed("media_no_audio", false),
            released(),
        ];
        for (mut worker, report) in stale.into_iter().zip(reports) {
            let answer = worker.ask(report).await;
            assert!(matches!(answer, Answer::Superseded(_)), "{answer:?}");
            assert!(worker.is_ended().await);
        }
        assert_eq!(gateway.chunk(item.chunk_id).await, before, "nothing a stale worker said changed the chunk");
        assert_eq!(transcripts::segments(&gateway.db, item.job_id).count().await, 1);
        second.commit(done(2_000)).await;
        let names = gateway.event_names_until(item.job_id, "completed").await;
        assert_eq!(names, ["queued", "started", "segments_added", "completed"]);
    })
    .await;
}

/// Claims a chunk whose lease has run out, before or after the sweeper has found it.
async fn take_over(gateway: &mut crate::stack::Gateway, item: &WorkItem) -> Worker {
    let again = gateway.doorbell().await;
    assert_eq!((again.chunk_id, again.ring), (item.chunk_id, 2));
    let worker = Worker::claim(gateway, &again).await;
    assert_eq!(worker.proceed.lease, 2);
    worker
}

#[tokio::test]
async fn a_worker_that_comes_back_in_time_goes_on_under_its_lease() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let mut worker = Worker::claim(gateway, &item).await;
        worker.commit(segments(&[segment(0), segment(1)], 4_000)).await;
        let lease = worker.proceed.lease;
        worker.die();
        let mut worker = Worker::resume(gateway, &item, lease).await;
        assert_eq!((worker.proceed.lease, worker.proceed.resume_ms, worker.proceed.next_index), (lease, 4_000, 2));
        worker.commit(done(4_000)).await;
        let chunk = gateway.chunk(item.chunk_id).await;
        assert_eq!((chunk.attempt, chunk.ring), (1, 1), "coming back is no new attempt");
    })
    .await;
}

#[tokio::test]
async fn reports_out_of_order_are_refused_with_a_reason() {
    on_each_engine(async |gateway| {
        let item = gateway.submit().await;
        let cases = [
            (Report { body: Some(progress(0, 0)), lease: 1 }, Code::FailedPrecondition),
            (Report { body: None, lease: 0 }, Code::InvalidArgument),
        ];
        for (report, code) in cases {
            let status = ReportStream::open(gateway).await.say(report).await.unwrap_err();
            assert_eq!(status.code(), code);
        }
        let mut nonsense = claim(&item, 0);
        if let Some(escriba_proto::v1::report::Body::Claim(claim)) = &mut nonsense.body {
            claim.chunk_id = "latest".to_owned();
        }
        let status = ReportStream::open(gateway).await.say(nonsense).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        for unknown in
            [WorkItem { job_id: JobId::new(), ..item.clone() }, WorkItem { chunk_id: ChunkId::new(), ..item.clone() }]
        {
            assert_eq!(refusal(gateway, &unknown, 1).await, Reason::Over, "there is no such lease");
        }
        assert_eq!(gateway.chunk(item.chunk_id).await.state, ChunkState::Queued);
    })
    .await;
}
