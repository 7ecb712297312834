"""What it costs ebbd to look at runs while they live: CPU time and memory, as the kernel counts them."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lib.bench import Bench
from lib.ebb import Daemon, Job
from lib.procs import BenchError, wait_until
from lib.rest import memory

RUNS = 10
# The looks are frequent at first and come to their final pace within seconds.
PACE_S = 5.0
# Beyond the window, so that no run ends in it.
MARGIN_S = 120


@dataclass(frozen=True)
class Sampled:
    """One ebbd with so many runs asleep, over one window."""

    name: str
    runs: int
    window_s: float
    cpu_ms: float
    rss_kb: int

    @property
    def percent(self) -> float:
        """Of one core."""
        return self.cpu_ms / 10 / self.window_s


def measure(bench: Bench, window_s: float) -> list[Sampled]:
    """Ten runs asleep, with a memory limit and without, both at the same time."""
    bench.say.say(f"looks at {RUNS} runs asleep, {window_s:.0f} s")
    ways = {"with a limit": "256M", "without": None}
    daemons = {name: _start(bench, name, limit, window_s) for name, limit in ways.items()}
    time.sleep(PACE_S)
    started = time.monotonic()
    before = {name: _cpu_ns(daemon) for name, daemon in daemons.items()}
    while (left := started + window_s - time.monotonic()) > 0:
        bench.say.tick(f"{left:.0f} s left")
        time.sleep(min(1.0, left))
    after = {name: _cpu_ns(daemon) for name, daemon in daemons.items()}
    took_s = time.monotonic() - started
    found = [
        Sampled(name, RUNS, took_s, (after[name] - before[name]) / 1e6, memory(daemon.process.pid).rss_kb)
        for name, daemon in daemons.items()
    ]
    for daemon in daemons.values():
        if _running(daemon) < RUNS:
            raise BenchError("a run ended while it was to be looked at")
    return found


def _start(bench: Bench, name: str, limit: str | None, window_s: float) -> Daemon:
    asleep = ["sleep", f"{window_s + PACE_S + MARGIN_S:.0f}"]
    jobs = [Job(f"asleep-{i}", asleep, memory_max=limit) for i in range(RUNS)]
    disk, place = bench.places.disk, "sampled-" + name.replace(" ", "-")
    daemon = bench.ebb.start(bench.procs, jobs, disk.directory / place, disk.socket(place))
    for job in jobs:
        subprocess.run(bench.ebb.run_now(daemon, job.name, wait=False), check=True, stdout=subprocess.DEVNULL)
    wait_until(lambda: _running(daemon) >= RUNS, "starting its runs", daemon.process, daemon.log)
    return daemon


def _running(daemon: Daemon) -> int:
    """Its children: each is a run's main process."""
    children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children")
    return len(children.read_text().split())


def _cpu_ns(daemon: Daemon) -> int:
    threads = Path(f"/proc/{daemon.process.pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
