"""What a daemon costs while nothing is due: memory, context switches and CPU, as the kernel counts them.

Knows nothing of which daemon it looks at.
"""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lib.procs import BenchError
from lib.progress import Progress

SETTLE_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Memory:
    """From smaps_rollup, in kB (1024 bytes)."""

    rss_kb: int
    pss_kb: int
    private_dirty_kb: int


@dataclass(frozen=True)
class Subject:
    """A daemon to look at."""

    name: str
    jobs: int
    process: subprocess.Popen[str]


@dataclass(frozen=True)
class Idle:
    """One daemon over one idle window, all its threads together."""

    name: str
    jobs: int
    window_s: float
    memory: Memory
    threads: int
    voluntary_switches: int
    involuntary_switches: int
    cpu_ms: float | None
    settled: bool

    @property
    def switches(self) -> int:
        """Each is a wake-up, or the end of one."""
        return self.voluntary_switches + self.involuntary_switches


@dataclass(frozen=True)
class _Counters:
    threads: int
    voluntary: int
    involuntary: int
    cpu_ns: int | None


def memory(pid: int) -> Memory:
    """The memory of a process now. Reading it neither wakes nor changes the process."""
    sums = {"Rss": 0, "Pss": 0, "Private_Dirty": 0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        key, _, rest = line.partition(":")
        if key in sums:
            sums[key] = int(rest.split()[0])
    return Memory(sums["Rss"], sums["Pss"], sums["Private_Dirty"])


def settle(subjects: list[Subject], calm_s: float, progress: Progress) -> bool:
    """Waits until no page and no switch counter has changed for so long; False at the deadline."""
    started = calm_since = time.monotonic()
    before = None
    while time.monotonic() - started < SETTLE_DEADLINE_S:
        now = [_still(subject) for subject in subjects]
        if now != before:
            before, calm_since = now, time.monotonic()
        if time.monotonic() - calm_since >= calm_s:
            return True
        progress.tick("waiting until nothing moves any more")
        time.sleep(0.25)
    progress.say("  not everything came to rest in time; the figures are taken all the same")
    return False


def window(subjects: list[Subject], window_s: float, calm_s: float, progress: Progress) -> list[Idle]:
    """Lets all of them idle through the same seconds, so that they share the machine's noise."""
    settled = settle(subjects, calm_s, progress)
    started = time.monotonic()
    before = [_counters(subject.process.pid) for subject in subjects]
    while (left := started + window_s - time.monotonic()) > 0:
        progress.tick(f"idle, {left:.0f} s left")
        time.sleep(min(1.0, left))
    after = [_counters(subject.process.pid) for subject in subjects]
    took_s = time.monotonic() - started
    return [
        _idle(subject, a, b, took_s, settled) for subject, a, b in zip(subjects, before, after, strict=True)
    ]


def _idle(subject: Subject, before: _Counters, after: _Counters, took_s: float, settled: bool) -> Idle:
    if subject.process.poll() is not None:
        raise BenchError(f"{subject.name} with {subject.jobs} jobs ended while it should have idled")
    cpu_ms = None
    if before.cpu_ns is not None and after.cpu_ns is not None:
        cpu_ms = (after.cpu_ns - before.cpu_ns) / 1e6
    return Idle(
        name=subject.name,
        jobs=subject.jobs,
        window_s=took_s,
        memory=memory(subject.process.pid),
        threads=after.threads,
        voluntary_switches=after.voluntary - before.voluntary,
        involuntary_switches=after.involuntary - before.involuntary,
        cpu_ms=cpu_ms,
        settled=settled,
    )


def _still(subject: Subject) -> tuple[int, int, int, int]:
    """What must not change any more. PSS is left out: it changes with the neighbours."""
    pid = subject.process.pid
    held, counted = memory(pid), _counters(pid)
    return held.rss_kb, held.private_dirty_kb, counted.voluntary, counted.involuntary


def _counters(pid: int) -> _Counters:
    """Switches from status and CPU from schedstat (which not every kernel has), summed over the threads."""
    threads = list(Path(f"/proc/{pid}/task").iterdir())
    voluntary = involuntary = cpu_ns = 0
    counts_cpu = True
    for thread in threads:
        for line in (thread / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                voluntary += int(line.split()[1])
            elif line.startswith("nonvoluntary_ctxt_switches"):
                involuntary += int(line.split()[1])
        try:
            cpu_ns += int((thread / "schedstat").read_text().split()[0])
        except OSError:
            counts_cpu = False
    return _Counters(len(threads), voluntary, involuntary, cpu_ns if counts_cpu else None)
