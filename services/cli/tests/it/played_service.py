#!/usr/bin/env python3
"""Plays any of the four services, by the name it is called under: it answers where it was told to listen, and writes
down when it starts and when it is asked to stop. PLAY_BROKEN names one that ends at once, PLAY_STUBBORN one that
ignores SIGTERM."""

import os
import pathlib
import re
import signal
import socket
import sys

name = os.path.basename(sys.argv[0]).removeprefix("escriba-")

if "--version" in sys.argv:
    print("nats-server: v2.15.1" if name == "nats-server" else f"escriba-{name} 0.1.0")
    sys.exit(0)


def note(line):
    with open(os.environ["PLAY_JOURNAL"], "a") as journal:
        journal.write(line + "\n")


def stop(*_):
    note(f"stop {name}")
    if os.environ.get("PLAY_STUBBORN") != name:
        sys.exit(0)


signal.signal(signal.SIGTERM, stop)
note(f"start {name} {os.getpid()}")
print(f"this is {name}", flush=True)

if os.environ.get("PLAY_BROKEN") == name:
    sys.exit(f"{name} has no will to live")

if name == "nats-server":
    config = pathlib.Path(sys.argv[sys.argv.index("--config") + 1]).read_text()
    address = re.search(r'listen: "(.+)"', config)[1]
else:
    address = os.environ[f"{name.upper()}_INTERNAL_ADDR"]
if name == "gateway":
    pathlib.Path(os.environ["BOOTSTRAP_KEY_FILE"]).write_text("played-key\n")

host, port = address.rsplit(":", 1)
with socket.create_server((host, int(port))) as server:
    while True:
        connection, _ = server.accept()
        with connection:
            try:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            except OSError:
                pass
