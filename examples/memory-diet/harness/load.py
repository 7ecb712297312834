"""Asks a server on a unix socket a fixed list of questions, a few at a time."""

import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.errors import DemoError

ANSWER_SECONDS = 60.0
CLIENTS = 4
"""How many ask at the same time."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back."""

    count: int
    seconds: float
    fingerprint: str
    """Of all bodies, in the order of the questions."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(server: Path, path: str) -> bytes:
    """One question on a connection of its own. Raises OSError where nobody listens yet."""
    connection = _Connection(server)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
    except http.client.HTTPException as error:
        raise DemoError(f"GET {path}: no answer that can be read: {error!r}") from error
    finally:
        connection.close()
    if response.status != 200 or not body:
        raise DemoError(f"GET {path}: status {response.status}, {len(body)} bytes")
    return body


def ask_all(server: Path, paths: Sequence[str], beat: Callable[[str], None]) -> Answers:
    """All questions, CLIENTS at a time; the first that is not answered ends it."""
    bodies: list[bytes | None] = [None] * len(paths)
    left = iter(enumerate(paths))
    lock = threading.Lock()
    failures: list[Exception] = []

    def client() -> None:
        while not failures:
            with lock:
                at, path = next(left, (None, ""))
            if at is None:
                return
            try:
                bodies[at] = ask(server, path)
            except (DemoError, OSError) as error:
                failures.append(error)

    began = time.monotonic()
    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    for one in clients:
        while one.is_alive():
            one.join(1.0)
            beat(f"{sum(body is not None for body in bodies)} of {len(paths)} requests answered")
    seconds = time.monotonic() - began
    if failures:
        raise DemoError(f"a request was not answered: {failures[0]}")
    fingerprint = hashlib.sha256()
    for body in bodies:
        fingerprint.update(hashlib.sha256(body or b"").digest())
    return Answers(len(paths), seconds, fingerprint.hexdigest())
