"""Follows job events and writes one line of JSON for each to a file. See README.md, and docs/events.md for the contract."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamState

from event import Contract, Poison, UnknownType
from output import Output, OutputError

STREAM = "EVENTS"
# After so many seconds without an acknowledgement an event is delivered again. Writing one takes milliseconds.
ACK_WAIT = 10
# How long one request for an event stands, in seconds. A request that dies with the server is over after that.
PULL = 5
RETRY_PAUSE = 1

log = logging.getLogger("subscriber")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nats", default=os.environ.get("NATS_URL", "nats://127.0.0.1:4222"), help="where NATS is")
    parser.add_argument("--durable", default="example-python", help="the name of the durable consumer")
    parser.add_argument("--filter", default="events.job.>", help="events.job.*.WORKSPACE.* for one workspace")
    parser.add_argument("--output", required=True, type=Path, help="the file that lines are added to")
    proto = Path(__file__).resolve().parents[3] / "proto"
    parser.add_argument("--proto", default=proto, type=Path, help="the folder of the contract")
    return parser.parse_args()


class Subscriber:
    """The durable pull consumer: events in order, each acknowledged once it is on the disk. Whatever breaks, it
    subscribes anew and goes on where the server knows it stopped.
    """

    def __init__(self, client: Client, settings: argparse.Namespace, contract: Contract, output: Output):
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream()
        self._settings = settings
        self._contract = contract
        self._output = output

    async def follow(self) -> None:
        """Runs until it is cancelled, or the file fails."""
        while True:
            try:
                await self._pull()
            except (nats.errors.Error, OSError) as error:
                # NATS is away, the stream is not there yet, the consumer was deleted: another try may do.
                log.warning("events cannot be read, it will be tried again: %r", error)
                await asyncio.sleep(RETRY_PAUSE)

    async def _pull(self) -> None:
        durable = self._settings.durable
        info = await self._jetstream.stream_info(STREAM)
        warn_of_gaps(info.state, self._output.last_sequence)
        await self._jetstream.add_consumer(STREAM, self._consumer())
        subscription = await self._jetstream.pull_subscribe_bind(durable, STREAM)
        log.info("following as %s", durable)
        try:
            while True:
                try:
                    messages = await subscription.fetch(1, timeout=PULL)
                except TimeoutError:
                    # Nothing happened, or the server died with the request: the next one tells.
                    continue
                for message in messages:
                    await self._settle(message)
        finally:
            await subscription.unsubscribe()

    def _consumer(self) -> ConsumerConfig:
        return ConsumerConfig(
            name=self._settings.durable,
            durable_name=self._settings.durable,
            filter_subject=self._settings.filter,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT,
            # One at a time keeps the order: no event is delivered while an earlier one may still come again.
            max_ack_pending=1,
        )

    async def _settle(self, message: Msg) -> None:
        """Writes and acknowledges. Acknowledgements are not waited for: one that is lost brings a repeat."""
        sequence = message.metadata.sequence.stream
        try:
            event = self._contract.read(message.headers or {}, message.data)
            if not self._output.knows(event["id"]):
                self._output.append({"id": event.pop("id"), "sequence": sequence, **event})
        except UnknownType as error:
            log.info("passed over %s: %s", sequence, error)
        except Poison as error:
            log.error("no event at %s, %s; it is terminated: %s", sequence, message.subject, error)
            await message.term()
            return
        await message.ack()


def warn_of_gaps(stream: StreamState, last_sequence: int) -> None:
    """Says so when events left the stream before this subscriber read them: the HTTP interface still knows the jobs."""
    if last_sequence > stream.last_seq:
        log.warning("the stream was made anew; what happened meanwhile is known to the HTTP interface only")
    elif 0 < last_sequence < stream.first_seq - 1:
        log.warning(
            "events %s to %s have left the stream unread; ask the HTTP interface about the jobs",
            last_sequence + 1,
            stream.first_seq - 1,
        )


async def connect(settings: argparse.Namespace) -> Client:
    """A connection that is tried, and tried again, for as long as it takes."""

    async def failed(error: Exception) -> None:
        log.warning("NATS: %r", error)

    async def disconnected() -> None:
        log.info("NATS: disconnected")

    async def reconnected() -> None:
        log.info("NATS: connected again")

    return await nats.connect(
        settings.nats,
        name=settings.durable,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        ping_interval=10,
        error_cb=failed,
        disconnected_cb=disconnected,
        reconnected_cb=reconnected,
    )


async def run(settings: argparse.Namespace) -> None:
    output = Output(settings.output)
    contract = Contract(settings.proto)
    this = asyncio.current_task()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, this.cancel)
    try:
        client = await connect(settings)
    except asyncio.CancelledError:
        return
    try:
        await Subscriber(client, settings, contract, output).follow()
    except asyncio.CancelledError:
        # To stop in the middle of a message is safe: what is not acknowledged comes again, and is known by then.
        log.info("told to stop")
    finally:
        try:
            # Sends acknowledgements that are still buffered, if NATS is there.
            await asyncio.wait_for(client.flush(), 2)
            await client.close()
        except (nats.errors.Error, OSError):
            log.warning("NATS is away; the last acknowledgement may be lost")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(run(arguments()))
    except OutputError as error:
        sys.exit(str(error))
