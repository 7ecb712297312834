"""What every part of the bench is given to work with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lib.ebb import Ebb
from lib.place import Places
from lib.procs import Processes
from lib.progress import Progress
from lib.yardstick import Harness


@dataclass(frozen=True)
class Bench:
    """The processes, the programs, the places, and where to say what is going on."""

    procs: Processes
    harness: Harness
    ebb: Ebb
    places: Places
    say: Progress

    def scratch(self, name: str) -> Path:
        """A file that is gone when the bench ends."""
        return self.places.scratch / name

    def harness_run(self, argv: list[str], deadline_s: float) -> str:
        """Runs a program of the harness to its end and returns what it printed."""
        return self.procs.run(
            [self.harness.program(argv[0]), *argv[1:]], self.scratch("harness.log"), deadline_s
        )
