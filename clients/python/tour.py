"""A recording's whole way through Escriba with the generated client.

It is type-checked as strictly as its users check, and the tests run it: python tour.py URL API_KEY RECORDING
"""

import sys
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from escriba_client import AuthenticatedClient
from escriba_client.api.jobs import create_job, delete_job, follow_job, get_job, list_jobs
from escriba_client.api.transcripts import edit_segments, get_transcript, list_segments
from escriba_client.models import (
    CreateJobFilesBody,
    DeleteSegment,
    DeleteSegmentOp,
    Job,
    JobPage,
    Problem,
    SegmentPage,
    SetSegment,
    SetSegmentOp,
    TranscriptEdit,
    TranscriptEdited,
    TranscriptFormat,
)
from escriba_client.types import File

NOBODY = UUID("00000000-0000-7000-8000-000000000000")


def main(url: str, key: str, recording: Path) -> None:
    with AuthenticatedClient(url, token=key) as client:
        # Upload.
        with recording.open("rb") as payload:
            media = File(payload=payload, file_name=recording.name, mime_type="audio/mp4")
            body = CreateJobFilesBody(media=media, language="en", word_timestamps=True)
            job = create_job.sync(client=client, body=body)
        assert isinstance(job, Job), job

        # Follow. The stream ends with the job.
        lines: list[str] = []
        with client.get_httpx_client().stream(**follow_job._get_kwargs(job.id)) as events:
            assert events.status_code == HTTPStatus.OK
            lines.extend(events.iter_lines())
        assert "event: job.completed" in lines, lines

        found = get_job.sync(job.id, client=client)
        assert isinstance(found, Job) and found.state == "completed", found
        assert found.file_name == recording.name and found.duration and found.duration > 1
        page = list_jobs.sync(client=client, state=["completed"])
        assert isinstance(page, JobPage) and any(item.id == job.id for item in page.items)

        # Fetch in each format.
        for format_ in TranscriptFormat:
            transcript = get_transcript.sync(job.id, client=client, format_=format_)
            assert isinstance(transcript, File) and b"recording" in transcript.payload.read(), transcript

        # Put right what was misheard, in the version that was read.
        segments = list_segments.sync(job.id, client=client)
        assert isinstance(segments, SegmentPage) and segments.items, segments
        read, first = f'"{segments.version}"', segments.items[0].id
        said = TranscriptEdit([SetSegment(op=SetSegmentOp.SET, id=first, text="What was really said.")])
        edited = edit_segments.sync(job.id, client=client, body=said, if_match=read)
        assert isinstance(edited, TranscriptEdited) and edited.version == segments.version + 1, edited
        corrected = get_transcript.sync(job.id, client=client, format_=TranscriptFormat.TXT)
        assert isinstance(corrected, File) and b"really said" in corrected.payload.read(), corrected
        gone = TranscriptEdit([DeleteSegment(op=DeleteSegmentOp.DELETE, id=first)])
        stale = edit_segments.sync(job.id, client=client, body=gone, if_match=read)
        assert isinstance(stale, Problem) and stale.code == "version_changed", stale

        # What goes wrong has a type too.
        nowhere = get_job.sync(NOBODY, client=client)
        assert isinstance(nowhere, Problem) and nowhere.code == "job_not_found", nowhere

        # Delete.
        assert delete_job.sync_detailed(job.id, client=client).status_code == HTTPStatus.NO_CONTENT
        nobody = get_job.sync(job.id, client=client)
        assert isinstance(nobody, Problem) and nobody.code == "job_not_found", nobody
    print("the tour is over")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
