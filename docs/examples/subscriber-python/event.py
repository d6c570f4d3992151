"""From a message to an event: CloudEvents headers and a protobuf payload, as docs/events.md says. Nothing here talks to
NATS.
"""

import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from grpc_tools import protoc

CONTENT_TYPE = "application/protobuf"

# Each type's message in the contract, and which of its fields go into a line, under what name.
TYPES = {
    "escriba.job.queued.v1": (
        "JobQueued",
        {"file_name": "file_name", "media_bytes": "media_bytes", "model": "model", "run": "run"},
    ),
    "escriba.job.started.v1": ("JobStarted", {"worker": "worker_id"}),
    "escriba.job.segments_added.v1": ("JobSegmentsAdded", {"chunk": "chunk_id", "chunk_position": "chunk_position"}),
    "escriba.job.completed.v1": (
        "JobCompleted",
        {"language": "language", "audio_ms": "audio_ms", "segment_count": "segment_count"},
    ),
    "escriba.job.failed.v1": ("JobFailed", {"code": "code", "message": "message"}),
    "escriba.job.canceled.v1": ("JobCanceled", {}),
    "escriba.job.deleted.v1": ("JobDeleted", {}),
}


class UnknownType(Exception):
    """Nothing is wrong with it: the contract has grown since this program was made."""


class Poison(Exception):
    """It will never be readable, however often it is delivered."""


class Contract:
    """The messages of events.proto, compiled when the program starts."""

    def __init__(self, folder: Path):
        with tempfile.NamedTemporaryFile(suffix=".bin") as compiled:
            arguments = [f"--proto_path={folder}", "--include_imports", f"--descriptor_set_out={compiled.name}"]
            if protoc.main(["protoc", *arguments, "escriba/v1/events.proto"]) != 0:
                raise SystemExit(f"the contract in {folder} cannot be compiled")
            files = descriptor_pb2.FileDescriptorSet.FromString(Path(compiled.name).read_bytes())
        pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            pool.Add(file)
        self._messages = {
            name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"escriba.v1.{name}"))
            for name, _ in TYPES.values()
        }

    def read(self, headers: dict[str, str], payload: bytes) -> dict:
        """What becomes a line. Raises UnknownType or Poison."""
        kind = header(headers, "ce-type")
        event = {"id": header(headers, "ce-id"), "type": kind, "time": header(headers, "ce-time")}
        if header(headers, "content-type") != CONTENT_TYPE:
            raise Poison(f"the payload is {headers['content-type']}, not protobuf")
        if kind not in TYPES:
            raise UnknownType(f"events of the type {kind} are not for this program")
        name, essentials = TYPES[kind]
        try:
            told = self._messages[name].FromString(payload)
        except DecodeError as error:
            raise Poison("the payload is not what its type says") from error
        event |= {"workspace": told.workspace_id, "job": told.job_id}
        event |= {label: getattr(told, field) for label, field in essentials.items()}
        if name == "JobSegmentsAdded":
            event["segments"] = [segment(each) for each in told.segments]
        return event


def header(headers: dict[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise Poison(f"the header {name} is missing")
    return value


def segment(told) -> dict:
    return {"index": told.index, "start_ms": told.start_ms, "end_ms": told.end_ms, "text": told.text}
