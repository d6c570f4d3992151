"""The file of lines, which is also the memory of what has been done: effect and memory are one write, so a process that
is killed at any moment neither forgets an event nor does it twice. A service of your own has the same with a unique
index on the id, in the transaction of the event's effect.
"""

import fcntl
import json
import os
from collections import OrderedDict
from pathlib import Path

# How many ids are remembered. Repeats come soon after the first; a hundred would mostly do.
REMEMBERED = 10_000


class OutputError(Exception):
    """The file fails, so there is no use in going on."""


class Output:
    """Opens or makes the file and recalls what stands in it."""

    def __init__(self, path: Path):
        self._known: OrderedDict[str, None] = OrderedDict()
        self._path = path
        # Where in the stream the last event stood, 0 before the first.
        self.last_sequence = 0
        try:
            self._file = open(path, "a+b", buffering=0)
        except OSError as error:
            raise OutputError(f"{path} cannot be used: {error}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{path} is in use by another subscriber") from error
        self._recall()

    def _recall(self) -> None:
        whole = 0
        self._file.seek(0)
        # A reader of its own: iterating a file without a buffer would read byte by byte.
        with open(os.dup(self._file.fileno()), "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    break
                try:
                    told = json.loads(line)
                    self._remember(str(told["id"]), int(told["sequence"]))
                except (ValueError, KeyError, TypeError) as error:
                    raise OutputError(f"line {number} of {self._path} is none of this program's") from error
                whole += len(line)
        # A line that a crash cut short: its event was not acknowledged, so it comes again.
        self._file.truncate(whole)

    def knows(self, event_id: str) -> bool:
        return event_id in self._known

    def append(self, event: dict) -> None:
        """Adds a line and waits until it is on the disk: whoever acknowledges after this cannot lose the event."""
        line = (json.dumps(event, ensure_ascii=False) + "\n").encode()
        try:
            if self._file.write(line) != len(line):
                raise OSError("the line was written in part only")
            os.fdatasync(self._file.fileno())
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error}") from error
        self._remember(event["id"], event["sequence"])

    def _remember(self, event_id: str, sequence: int) -> None:
        self.last_sequence = sequence
        self._known[event_id] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
