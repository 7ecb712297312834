"""The harness programs in C, and the minimal daemon and client that ebb is compared with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lib.procs import BenchError, Processes, wait_until

SOURCES = Path(__file__).resolve().parent.parent / "c"


@dataclass(frozen=True)
class Harness:
    """Where the built programs of bench/c are."""

    directory: Path

    def program(self, name: str) -> str:
        """The path of one of them."""
        return str(self.directory / name)


@dataclass(frozen=True)
class CDaemon:
    """A minimal daemon that runs one fixed job, and its client; both static or both dynamic."""

    client: str
    socket: Path

    def ask(self, *, wait: bool) -> list[str]:
        """The client's command line for one run."""
        return [self.client, str(self.socket), "wait" if wait else "run"]


def build(procs: Processes, directory: Path, log: Path) -> Harness:
    """Compiles the programs of bench/c."""
    if shutil.which("make") is None or not (shutil.which("cc") or shutil.which("gcc")):
        raise BenchError("the harness is C: install make, gcc and libc6-dev")
    procs.run(["make", "--directory", str(SOURCES), f"OUT={directory}"], log, 120)
    return Harness(directory)


def start(procs: Processes, harness: Harness, job: list[str], socket: Path, *, static: bool) -> CDaemon:
    """Starts the minimal daemon on a job; returns when its socket is there."""
    kind = "" if static else "-dynamic"
    log = socket.with_suffix(".log")
    process = procs.daemon([harness.program("mindaemon" + kind), str(socket), *job], log)
    wait_until(socket.exists, "its socket being there", process, log)
    return CDaemon(harness.program("minclient" + kind), socket)
