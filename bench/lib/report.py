"""Everything that a run has measured, as tables and as files. Measures nothing itself."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from lib.latency import FLOOR, REFERENCE, WAIT, Latency, Sync
from lib.machine import Machine
from lib.rest import Idle
from lib.sampling import Sampled
from lib.table import Table
from lib.targets import Target, judge
from lib.throughput import Grown, Throughput


@dataclass(frozen=True)
class Results:
    """Everything that one run of the bench has measured."""

    quick: bool
    machine: Machine
    binaries: dict[str, str]
    cron_version: str | None
    cron_missing: str | None
    rest: list[Idle]
    after_use: list[Idle]
    runs_before: int
    latency: list[Latency]
    sync: list[Sync]
    throughput: list[Throughput]
    sampled: list[Sampled]
    growth: list[Grown]

    @property
    def targets(self) -> list[Target]:
        """What was to be reached, against what was."""
        return judge(self.rest, self.latency, self.sampled, self.growth)


def tables(results: Results) -> list[Table]:
    """All tables, in the order in which they are read."""
    used = f"Each ebbd has made {results.runs_before} runs and answered a `status`; then it idles again."
    verdicts = [[target.what, target.reached, target.wanted, target.verdict] for target in results.targets]
    return [
        _rest("At rest", results.rest, _rest_notes(results)),
        _rest("At rest after use", results.after_use, [used]),
        _latency(results.latency, results.sync),
        _throughput(results.throughput),
        _sampled(results.sampled),
        _growth(results.growth),
        Table("Targets", ["target", "reached", "wanted", "verdict"], verdicts, words=True),
    ]


def _rest(title: str, idles: list[Idle], notes: list[str]) -> Table:
    columns = ["daemon", "jobs", "RSS kB", "PSS kB", "private dirty kB", "switches", "CPU ms", "threads"]
    rows = [
        [
            idle.name,
            str(idle.jobs),
            str(idle.memory.rss_kb),
            str(idle.memory.pss_kb),
            str(idle.memory.private_dirty_kb),
            str(idle.switches),
            "n/a" if idle.cpu_ms is None else f"{idle.cpu_ms:.3f}",
            str(idle.threads),
        ]
        for idle in idles
    ]
    window = f"Switches (voluntary and involuntary) and CPU over {idles[0].window_s:.0f} s, the same for all."
    unsettled = [] if all(idle.settled for idle in idles) else ["Not everything had come to rest before."]
    return Table(title, columns, rows, [window, *unsettled, *notes])


def _rest_notes(results: Results) -> list[str]:
    notes = ["PSS is shared out among the daemons that run here together; alone, each has more."]
    if results.cron_version is not None:
        notes.append(f"cron is Debian's {results.cron_version}, with as many lines in one crontab.")
    if results.cron_missing is not None:
        notes.append(f"No figures of cron: {results.cron_missing}.")
    return notes


def _latency(entries: list[Latency], syncs: list[Sync]) -> Table:
    by_name = {entry.name: entry for entry in entries}
    columns = ["trigger", "exec ms", "p99", "x C daemon", "return ms", "p99", "x C daemon"]
    rows = []
    for entry in entries:
        waits = entry.name.endswith(WAIT) or entry.name == FLOOR
        reference = by_name[REFERENCE + WAIT if waits else REFERENCE]
        rows.append(
            [
                entry.name,
                f"{entry.exec.median_ms:.3f}",
                f"{entry.exec.p99_ms:.3f}",
                f"{entry.exec.median_ms / reference.exec.median_ms:.2f}",
                f"{entry.returned.median_ms:.3f}",
                f"{entry.returned.p99_ms:.3f}",
                f"{entry.returned.median_ms / reference.returned.median_ms:.2f}",
            ]
        )
    notes = [
        f"Medians and 99th percentiles of {entries[0].samples} samples, all ways interleaved; the time "
        "begins before the client is spawned. exec: the job's first instruction. return: the client's end.",
        "With --wait (and for posix_spawn) return comes after the job's end, else after the daemon's "
        "acknowledgement; each is compared with the static C daemon asked the same way.",
        "The C daemon keeps no history. ebb acknowledges a demand when it is on disk. "
        + " ".join(
            f"One fdatasync on {sync.place} ({sync.filesystem}): {sync.spread.median_ms:.3f} ms, "
            f"p99 {sync.spread.p99_ms:.3f}."
            for sync in syncs
        ),
    ]
    return Table("From the trigger to the job's first instruction", columns, rows, notes)


def _throughput(entries: list[Throughput]) -> Table:
    rows = [[entry.name, f"{entry.one:.0f}", f"{entry.two:.0f}"] for entry in entries]
    note = "Of a static program that does nothing, each run waited for; ebb keeps history and output."
    return Table("Runs a second", ["way", "one at a time", "two at a time"], rows, [note])


def _sampled(entries: list[Sampled]) -> Table:
    rows = [
        [
            f"{entry.runs} runs {entry.name}",
            f"{entry.cpu_ms:.1f}",
            f"{entry.percent:.3f}",
            str(entry.rss_kb),
        ]
        for entry in entries
    ]
    note = (
        f"All of them asleep, over {entries[0].window_s:.0f} s: what it costs to look at their memory and output, "
        "and to keep the curve of each."
    )
    return Table("ebbd while runs live", ["runs", "CPU ms", "% of a core", "RSS kB"], rows, [note])


def _growth(entries: list[Grown]) -> Table:
    rows = [
        [str(entry.runs), str(entry.memory.rss_kb), str(entry.memory.private_dirty_kb), f"{entry.rate:.0f}"]
        for entry in entries
    ]
    note = "One ebbd, one job with a memory limit, one connection; at rest after a `status` each time."
    columns = ["runs", "RSS kB", "private dirty kB", "runs a second"]
    return Table("ebbd's memory over many runs", columns, rows, [note])


def markdown(results: Results) -> str:
    """The whole report."""
    machine = results.machine
    quick = ["**A quick run: short windows and few samples.**", ""] if results.quick else []
    head = [
        "# Bench",
        "",
        "Written by `make bench`. Times count as ratios within this one run only.",
        "",
        *quick,
        f"- {machine.date}; {machine.system}, {machine.kernel}, cgroups {machine.cgroups}",
        f"- {machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB",
        f"- load average before the run: {machine.load_before}",
        *(f"- `{name}`: {described}" for name, described in results.binaries.items()),
    ]
    return "\n".join(["\n".join(head), *("\n" + table.markdown() for table in tables(results))]) + "\n"


def write(results: Results, directory: Path) -> None:
    """RESULTS.md and results.json."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "RESULTS.md").write_text(markdown(results))
    data = dataclasses.asdict(results)
    data["targets"] = [dataclasses.asdict(target) for target in results.targets]
    (directory / "results.json").write_text(json.dumps(data, indent=2) + "\n")
