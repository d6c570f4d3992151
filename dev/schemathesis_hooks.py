"""What schemathesis does not know of this interface."""

import os
from uuid import UUID, uuid4

import schemathesis
from schemathesis.transport.requests import binary_serializer

# The body of a tus upload is bytes under a name of its own.
schemathesis.serializer("application/offset+octet-stream")(binary_serializer)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Asks about things that are there, and keeps the run from revoking the key that it uses."""
    place = case.path_parameters
    if not isinstance(place, dict) or not isinstance(place.get("id"), str):
        return
    # All later answers would be the same.
    if case.operation.label == "POST /v1/api-keys/{id}/revoke" and place["id"] == os.environ["ESCRIBA_KEY_ID"]:
        place["id"] = str(uuid4())
    # An id made up is of nothing. Every other one is of a transcribed recording instead, until a request deletes it.
    about_jobs = case.operation.path.startswith("/v1/jobs/{id}") and case.operation.label != "DELETE /v1/jobs/{id}"
    if about_jobs and is_made_up(place["id"]):
        place["id"] = os.environ["ESCRIBA_JOB_ID"]


def is_made_up(text):
    """Of every other id; this server's own are of version 7."""
    try:
        made_up = UUID(text)
    except ValueError:
        return False
    return made_up.version != 7 and made_up.int % 2 == 0
