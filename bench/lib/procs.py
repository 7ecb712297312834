"""Every process that the bench starts, and the end of each of them, whatever happens.

Knows nothing of what is measured.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType

STOP_DEADLINE_S = 15.0
TAIL_LINES = 8


class BenchError(Exception):
    """Something that ends the bench: what was tried, on what, and what came of it."""


class Processes:
    """Starts processes and ends those that are left when the `with` block ends, each by its own pid.

    Each gets a session of its own, so that Ctrl-C reaches the bench alone, which then ends them in order.
    """

    def __init__(self) -> None:
        self._alive: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Processes:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stop_all()

    def daemon(self, argv: list[str], log: Path) -> subprocess.Popen[str]:
        """Starts a process that stays; all that it prints goes to `log`."""
        with log.open("w") as out:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True, start_new_session=True
            )
        self._alive.append(process)
        return process

    def harness(self, argv: list[str], log: Path, stdin: Path | None = None) -> subprocess.Popen[str]:
        """Starts a program of the harness whose standard output `result` reads; its errors go to `log`."""
        with log.open("w") as errors, Path(stdin or "/dev/null").open() as given:
            process = subprocess.Popen(
                argv, stdin=given, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
        self._alive.append(process)
        return process

    def result(self, process: subprocess.Popen[str], log: Path, deadline_s: float) -> str:
        """Waits for a program of the harness and returns what it printed; its failure ends the bench."""
        try:
            printed, _ = process.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired:
            raise BenchError(f"{_name(process)} took longer than {deadline_s:.0f} s{tail(log)}") from None
        self._alive.remove(process)
        if process.returncode != 0:
            raise BenchError(f"{_name(process)} ended with {process.returncode}{tail(log)}")
        return printed

    def run(self, argv: list[str], log: Path, deadline_s: float = 60.0) -> str:
        """Runs a program to its end and returns what it printed."""
        return self.result(self.harness(argv, log), log, deadline_s)

    def stop_all(self) -> None:
        """Ends everything that is still there."""
        self.stop(list(self._alive))

    def stop(self, processes: list[subprocess.Popen[str]]) -> None:
        """SIGTERM to all of them, and SIGKILL to those that are still there at the deadline."""
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_DEADLINE_S
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                print(f"bench: {_name(process)} did not end on SIGTERM, killed", file=sys.stderr)
                process.kill()
                process.wait()
            self._alive.remove(process)


def wait_until(
    done: Callable[[], bool], what: str, process: subprocess.Popen[str], log: Path, deadline_s: float = 15.0
) -> None:
    """Waits for a condition that a fresh daemon is to bring about."""
    deadline = time.monotonic() + deadline_s
    while not done():
        if process.poll() is not None:
            raise BenchError(f"{_name(process)} ended with {process.returncode} before {what}{tail(log)}")
        if time.monotonic() > deadline:
            raise BenchError(f"{_name(process)}: {what} took longer than {deadline_s:.0f} s{tail(log)}")
        time.sleep(0.02)


def tail(log: Path) -> str:
    """The last lines of a log, for the end of an error."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:] if log.exists() else []
    return "".join(f"\n    {line}" for line in lines)


def _name(process: subprocess.Popen[str]) -> str:
    """The command line, with the program's directory and what is beyond a line left out."""
    program, *rest = process.args if isinstance(process.args, list) else [process.args]
    return textwrap.shorten(" ".join([Path(str(program)).name, *map(str, rest)]), 100, placeholder=" ...")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
