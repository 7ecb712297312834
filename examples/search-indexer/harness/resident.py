"""Runs resident.py, the daemon that the job replaces, and measures it."""

import json
import queue
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import procfs
from lib.children import Children, clean_environment
from lib.errors import DemoError
from lib.progress import Progress
from lib.units import mib

RUNS = 2
SAMPLE_SECONDS = 0.25
IMPORT_LIMIT_SECONDS = 180.0
RUN_LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What it held, and what it did."""

    after_imports: procfs.Memory
    peak_rss: int
    peak_pss: int
    at_rest: procfs.Memory
    reports: list[dict[str, Any]]


class Resident:
    """One such daemon, from its start to its end."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        children: Children,
        progress: Progress,
    ) -> None:
        self._log = log
        self._children = children
        self._progress = progress
        self._peak_pss = 0
        with log.open("wb") as errors:
            self._process = children.start(
                command,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=clean_environment(environment),
            )
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read_events, daemon=True).start()

    def measure(self) -> Measured:
        """Waits for its imports, has it run, lets it come to rest, ends it."""
        self._wait_for("ready", IMPORT_LIMIT_SECONDS)
        after_imports = self._memory_at_rest("after its imports")
        reports = []
        for number in range(1, RUNS + 1):
            self._progress.line(f"run {number} of {RUNS}")
            self._process.send_signal(signal.SIGUSR1)
            reports.append(self._wait_for("run", RUN_LIMIT_SECONDS)["report"])
        at_rest = self._memory_at_rest(f"at rest after {RUNS} runs")
        peak_rss = procfs.peak_rss(self._process.pid)
        self._children.stop(self._process)
        return Measured(after_imports, peak_rss, self._peak_pss, at_rest, reports)

    def _read_events(self) -> None:
        for line in self._process.stdout or ():
            self._events.put(json.loads(line))
        self._events.put({"event": "end"})

    def _wait_for(self, event: str, limit_seconds: float) -> dict[str, Any]:
        """The next event, with a look at its memory every so often."""
        deadline = time.monotonic() + limit_seconds
        while time.monotonic() < deadline:
            try:
                found = self._events.get(timeout=SAMPLE_SECONDS)
            except queue.Empty:
                self._sample()
                continue
            if found["event"] == event:
                return found
            raise DemoError(f"resident.py ended before it said `{event}`; see {self._log}")
        raise DemoError(f"resident.py did not say `{event}` within {limit_seconds:.0f} s")

    def _sample(self) -> None:
        try:
            pss = procfs.memory(self._process.pid).pss
        except (OSError, KeyError):
            return
        self._peak_pss = max(self._peak_pss, pss)
        self._progress.beat(f"resident.py holds {mib(pss)} MiB")

    def _memory_at_rest(self, when: str) -> procfs.Memory:
        if not procfs.comes_to_rest(self._process.pid):
            raise DemoError(f"resident.py did not come to rest {when}")
        held = procfs.memory(self._process.pid)
        self._progress.line(f"{when}: {mib(held.rss)} MiB")
        return held
