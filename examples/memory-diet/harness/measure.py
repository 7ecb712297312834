"""Runs a program under `ebb measure`: one that ends, or one that is ended once it has served."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lib import procfs
from lib.children import Children, clean_environment
from lib.errors import DemoError
from lib.progress import Progress

from harness.load import Answers, ask, ask_all
from harness.rest import pss_at_rest

START_SECONDS = 60.0
END_SECONDS = 30.0
RUN_SECONDS = 300.0


Figures = dict[str, float]
"""By name: `peak` (peak-anon, bytes) and `wall` (seconds) of `ebb measure`, and what is added."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is started, and where."""

    words: Sequence[str | Path]
    folder: Path
    environment: dict[str, str]


class Measured:
    """A program that runs under `ebb measure`, from its start to its end."""

    def __init__(
        self, ebb: Path, command: Command, work: Path, children: Children, progress: Progress
    ) -> None:
        self.what = " ".join(Path(str(word)).name for word in command.words[:4])
        self._children = children
        self._progress = progress
        self._figures = work / "figures.json"
        self.output = work / "output"
        with self._figures.open("wb") as figures, self.output.open("wb") as output:
            # Its standard output is the figures, and the program's goes to standard error.
            self._measure = children.start(
                [ebb, "measure", "--json", "--", *command.words],
                stdout=figures,
                stderr=output,
                cwd=command.folder,
                env=clean_environment(command.environment),
            )

    def pid(self) -> int:
        """The program's, once it is there."""
        found: list[procfs.Stat] = []

        def is_there() -> bool:
            found[:] = [
                one
                for one in procfs.descendants(self._measure.pid)
                if one.parent == self._measure.pid
            ]
            return bool(found)

        self.wait_until(is_there, "was not started")
        return found[0].identity.pid

    def wait_until(
        self, holds: Callable[[], bool], otherwise: str, seconds: float = START_SECONDS
    ) -> None:
        """Raises DemoError if it ends or the time passes before."""
        deadline = time.monotonic() + seconds
        while not holds():
            if self._measure.poll() is not None:
                raise DemoError(f"{self.what} ended:\n{self.said()}")
            if time.monotonic() > deadline:
                raise DemoError(f"{self.what} {otherwise} within {seconds:.0f} s:\n{self.said()}")
            time.sleep(0.05)

    def at_rest(self) -> int:
        """Bytes of its whole tree (PSS), once it sleeps."""
        return pss_at_rest(self.pid(), self.what)

    def end(self) -> Figures:
        """Has `ebb measure` pass SIGTERM on to the program, and returns what it says of it."""
        self._measure.send_signal(signal.SIGTERM)
        return self._ended(END_SECONDS, {"success", "signal"})

    def ended(self) -> Figures:
        """Waits until it has come to a good end and returns what `ebb measure` says of it."""
        return self._ended(RUN_SECONDS, {"success"})

    def _ended(self, seconds: float, wanted: set[str]) -> Figures:
        deadline = time.monotonic() + seconds
        while self._measure.poll() is None:
            if time.monotonic() > deadline:
                raise DemoError(f"{self.what} did not end within {seconds:.0f} s:\n{self.said()}")
            self._progress.beat(f"{self.what} is running")
            time.sleep(0.02)
        try:
            (run,) = json.loads(self._figures.read_text())["runs"]
        except (ValueError, KeyError) as error:
            code = self._measure.returncode
            text = f"ebb measure ended with {code}, without figures ({error}):\n{self.said()}"
            raise DemoError(text) from error
        if run["outcome"] not in wanted:
            raise DemoError(f"{self.what} ended with {run['outcome']}:\n{self.said()}")
        return {"peak": float(run["peak_anon_bytes"] or 0), "wall": run["wall_us"] / 1e6}

    def said(self) -> str:
        """The last lines of all that it has written."""
        return "\n".join(self.output.read_text(errors="replace").splitlines()[-15:])


@dataclass(frozen=True, slots=True)
class Served:
    """A server that was asked and ended."""

    at_rest: int
    answers: Answers
    figures: Figures


def serve(program: Measured, socket: Path, paths: Sequence[str], progress: Progress) -> Served:
    """Waits for the server's first answer, asks everything, reads its memory at rest, ends it."""

    def answers() -> bool:
        try:
            return bool(ask(socket, paths[0]))
        except OSError:
            return False

    program.wait_until(answers, "did not answer")
    got = ask_all(socket, paths, progress.beat)
    return Served(program.at_rest(), got, program.end())
