//! The work: media, jobs, their chunks, and the segments of their transcripts.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, boolean, float, integer, json_binary, string_len, string_len_null, text,
        text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid, var_binary,
    },
};

use crate::m20261121_000001_tenancy::belongs_to_workspace;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_media(manager).await?;
        create_jobs(manager).await?;
        create_chunks(manager).await?;
        create_segments(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Segments::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Chunks::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Jobs::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Media::Table).to_owned()).await
    }
}

async fn create_media(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Media::Table)
                .col(uuid(Media::Id).primary_key())
                .col(uuid(Media::WorkspaceId))
                .col(text(Media::FileName))
                .col(text_null(Media::ContentType))
                .col(big_integer(Media::SizeBytes))
                .col(var_binary(Media::Sha256, 32))
                .col(timestamp_with_time_zone(Media::CreatedAt))
                .foreign_key(&mut belongs_to_workspace(Media::Table, Media::WorkspaceId))
                .to_owned(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("media_by_content")
                .table(Media::Table)
                .col(Media::WorkspaceId)
                .col(Media::Sha256)
                .to_owned(),
        )
        .await
}

async fn create_jobs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Jobs::Table)
                .col(uuid(Jobs::Id).primary_key())
                .col(uuid(Jobs::WorkspaceId))
                .col(uuid(Jobs::MediaId))
                .col(string_len(Jobs::State, 16))
                .col(string_len_null(Jobs::Language, 8))
                .col(string_len(Jobs::Task, 16))
                .col(string_len(Jobs::Model, 64))
                .col(string_len(Jobs::Lane, 16))
                .col(text_null(Jobs::Prompt))
                .col(boolean(Jobs::WordTimestamps))
                .col(string_len_null(Jobs::SpokenLanguage, 8))
                .col(big_integer_null(Jobs::AudioMs))
                .col(big_integer(Jobs::ProcessedMs).default(0))
                .col(big_integer(Jobs::ProcessingMs).default(0))
                .col(string_len_null(Jobs::FailureCode, 64))
                .col(text_null(Jobs::FailureMessage))
                .col(json_binary(Jobs::Warnings))
                .col(integer(Jobs::TranscriptVersion).default(1))
                .col(json_binary(Jobs::TraceContext))
                .col(timestamp_with_time_zone(Jobs::CreatedAt))
                .col(timestamp_with_time_zone_null(Jobs::StartedAt))
                .col(timestamp_with_time_zone_null(Jobs::FinishedAt))
                .foreign_key(&mut belongs_to_workspace(Jobs::Table, Jobs::WorkspaceId))
                .foreign_key(ForeignKey::create().from(Jobs::Table, Jobs::MediaId).to(Media::Table, Media::Id))
                .to_owned(),
        )
        .await?;
    // Ids grow with time, so these also serve "newest first".
    let by_workspace =
        Index::create().name("jobs_by_workspace").table(Jobs::Table).col(Jobs::WorkspaceId).col(Jobs::Id).to_owned();
    manager.create_index(by_workspace).await?;
    let by_state = Index::create()
        .name("jobs_by_state")
        .table(Jobs::Table)
        .col(Jobs::WorkspaceId)
        .col(Jobs::State)
        .col(Jobs::Id)
        .to_owned();
    manager.create_index(by_state).await?;
    manager.create_index(Index::create().name("jobs_by_media").table(Jobs::Table).col(Jobs::MediaId).to_owned()).await
}

async fn create_chunks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Chunks::Table)
                .col(uuid(Chunks::Id).primary_key())
                .col(uuid(Chunks::JobId))
                .col(integer(Chunks::Position))
                .col(big_integer(Chunks::StartMs))
                .col(big_integer_null(Chunks::EndMs))
                .col(string_len(Chunks::State, 16))
                .col(integer(Chunks::Ring))
                .col(integer(Chunks::Attempt).default(0))
                .col(big_integer(Chunks::Lease).default(0))
                .col(timestamp_with_time_zone_null(Chunks::LeaseExpiresAt))
                .col(text_null(Chunks::WorkerId))
                .col(big_integer(Chunks::ThroughMs).default(0))
                .col(integer(Chunks::SegmentCount).default(0))
                .foreign_key(
                    ForeignKey::create()
                        .from(Chunks::Table, Chunks::JobId)
                        .to(Jobs::Table, Jobs::Id)
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .to_owned(),
        )
        .await?;
    let by_job = Index::create()
        .name("chunks_by_job")
        .table(Chunks::Table)
        .col(Chunks::JobId)
        .col(Chunks::Position)
        .unique()
        .to_owned();
    manager.create_index(by_job).await?;
    let by_lease = Index::create()
        .name("chunks_by_lease")
        .table(Chunks::Table)
        .col(Chunks::State)
        .col(Chunks::LeaseExpiresAt)
        .to_owned();
    manager.create_index(by_lease).await
}

async fn create_segments(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table(Segments::Table)
                .col(uuid(Segments::ChunkId))
                .col(integer(Segments::Position))
                .col(uuid(Segments::JobId))
                .col(big_integer(Segments::StartMs))
                .col(big_integer(Segments::EndMs))
                .col(text(Segments::Text))
                .col(string_len_null(Segments::Language, 8))
                .col(float(Segments::AvgLogprob))
                .col(float(Segments::NoSpeechProb))
                .col(json_binary(Segments::Words))
                .primary_key(Index::create().col(Segments::ChunkId).col(Segments::Position))
                .foreign_key(
                    ForeignKey::create()
                        .from(Segments::Table, Segments::ChunkId)
                        .to(Chunks::Table, Chunks::Id)
                        .on_delete(ForeignKeyAction::Cascade),
                )
                .to_owned(),
        )
        .await?;
    let by_job = Index::create()
        .name("segments_by_job")
        .table(Segments::Table)
        .col(Segments::JobId)
        .col(Segments::StartMs)
        .to_owned();
    manager.create_index(by_job).await
}

#[derive(DeriveIden)]
enum Media {
    Table,
    Id,
    WorkspaceId,
    FileName,
    ContentType,
    SizeBytes,
    Sha256,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    Id,
    WorkspaceId,
    MediaId,
    State,
    Language,
    Task,
    Model,
    Lane,
    Prompt,
    WordTimestamps,
    SpokenLanguage,
    AudioMs,
    ProcessedMs,
    ProcessingMs,
    FailureCode,
    FailureMessage,
    Warnings,
    TranscriptVersion,
    TraceContext,
    CreatedAt,
    StartedAt,
    FinishedAt,
}

#[derive(DeriveIden)]
enum Chunks {
    Table,
    Id,
    JobId,
    Position,
    StartMs,
    EndMs,
    State,
    Ring,
    Attempt,
    Lease,
    LeaseExpiresAt,
    WorkerId,
    ThroughMs,
    SegmentCount,
}

#[derive(DeriveIden)]
enum Segments {
    Table,
    ChunkId,
    Position,
    JobId,
    StartMs,
    EndMs,
    Text,
    Language,
    AvgLogprob,
    NoSpeechProb,
    Words,
}
