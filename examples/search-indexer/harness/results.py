"""What the figures come to: the table, the file for programs, and what must hold."""

import dataclasses
import os
import platform
from dataclasses import dataclass
from typing import Any

from harness import resident
from lib import procfs, supervised
from lib.jobfile import Job
from lib.table import Row, render
from lib.units import mib

LEAST_AT_REST = 400 * 2**20
"""Less than this, and resident.py is no likeness of the daemons that ebb is for."""
MEMORY_HEADS = ("RSS", "PSS", "private dirty")
ENFORCEMENT = {
    "cgroup-v2": "was held by the kernel, through cgroup v2",
    "cgroup-v1": "was held by the kernel, through cgroup v1",
    "rlimit": "was held by an rlimit and ebbd's watchdog: there is no cgroup to write to here",
    "none": "was not held: nothing on this host can, see `ebb doctor`",
}


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured in one run of the demo."""

    job: Job
    resident: resident.Measured
    ebbd_before: procfs.Memory
    ebbd_after: procfs.Memory
    run: supervised.Run
    left: list[str]
    """What was left of the run while ebbd was at rest; nothing, if all is well."""

    @property
    def ratio_at_rest(self) -> float:
        """By RSS."""
        return self.resident.at_rest.rss / self.ebbd_after.rss

    def table(self) -> str:
        measured, record = self.resident, self.run.record
        runs = [sum(one["seconds"].values()) for one in measured.reports]
        rows: list[Row] = [
            ("resident.py, one process for ever",),
            _memory("after its imports", measured.after_imports),
            ("at its peak", mib(measured.peak_rss), mib(measured.peak_pss), "-"),
            _memory(f"at rest after {len(runs)} runs", measured.at_rest),
            (),
            ("ebbd and a job that ends",),
            _memory("ebbd at rest before the run", self.ebbd_before),
            _memory("ebbd at rest after the run", self.ebbd_after),
            ("the job at its peak, its own memory", _size(record["peak_anon_bytes"]), "-", "-"),
            ("the same with page cache", _size(record["peak_total_bytes"]), "-", "-"),
            ("the job after its run", *("?" if self.left else "0" for _ in MEMORY_HEADS)),
            (),
            self._ratio(),
            (),
            ("", "run time", "start-up", "its share"),
            *((f"resident.py, run {n}", f"{s:.1f} s", "-", "-") for n, s in enumerate(runs, 1)),
            self._times_of_job(),
        ]
        return "\n".join([render(MEMORY_HEADS, rows), "", *self._sentences()])

    def _times_of_job(self) -> Row:
        report = self.run.report
        started, whole = report["startup_seconds"], report["wall_seconds"]
        return ("the job", f"{whole:.1f} s", f"{started:.1f} s", f"{report['startup_share']:.0%}")

    def _sentences(self) -> list[str]:
        of_resident, of_ebb = self._held_resident(), self._held_ebb()
        enforcement = self.run.record["enforcement"]
        return [
            "Sizes in MiB; the job's peaks are ebb's record of the run (peak-anon, peak-total).",
            f"Over a day of {self.job.runs_a_day} runs resident.py holds {of_resident:,.0f}"
            f" MiB-hours; ebbd and the runs {of_ebb:,.0f}.",
            f"The limit of {self.job.memory_max} {ENFORCEMENT.get(enforcement, enforcement)}.",
        ]

    def as_json(self, elapsed_seconds: float) -> dict[str, Any]:
        return {
            "host": {
                "kernel": platform.release(),
                "python": platform.python_version(),
                "cpus": os.cpu_count(),
            },
            "resident": dataclasses.asdict(self.resident),
            "ebbd_at_rest": {
                "before_run": dataclasses.asdict(self.ebbd_before),
                "after_run": dataclasses.asdict(self.ebbd_after),
            },
            "job": {"record": self.run.record, "report": self.run.report},
            "job_peak_anonymous_sampled": self.run.seen.peak_anonymous,
            "ratio_at_rest": {
                "rss": round(self.ratio_at_rest, 1),
                "pss": round(self.resident.at_rest.pss / self.ebbd_after.pss, 1),
            },
            "elapsed_seconds": round(elapsed_seconds, 1),
            "held_mib_hours_a_day": {
                "resident": round(self._held_resident()),
                "ebb": round(self._held_ebb()),
            },
        }

    def _ratio(self) -> Row:
        rest, ebbd = self.resident.at_rest, self.ebbd_after
        pairs = [
            (rest.rss, ebbd.rss),
            (rest.pss, ebbd.pss),
            (rest.private_dirty, ebbd.private_dirty),
        ]
        return ("resident.py : ebbd, at rest", *(f"{a / b:,.0f} : 1" for a, b in pairs))

    def _held_resident(self) -> float:
        """MiB-hours a day; what its runs take on top is not counted."""
        return self.resident.at_rest.rss / 2**20 * 24

    def _held_ebb(self) -> float:
        """MiB-hours a day; each run counts as if it were at its peak from start to end."""
        hours = self.job.runs_a_day * self.run.record["duration_ms"] / 3_600_000
        peak = self.run.record["peak_total_bytes"] or self.run.record["peak_anon_bytes"] or 0
        return (self.ebbd_after.rss * 24 + peak * hours) / 2**20


def _memory(label: str, held: procfs.Memory) -> Row:
    return (label, mib(held.rss), mib(held.pss), mib(held.private_dirty))


def _size(size: int | None) -> str:
    return "-" if size is None else mib(size)
