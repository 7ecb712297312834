#!/usr/bin/env python3
"""Measures ebb at rest and at work, in one run, side by side with cron, posix_spawn and a minimal C daemon.

    python3 bench/run.py --ebbd dist/ebbd --ebb dist/ebb [--quick] [--out bench]

Python 3.11 or later, standard library only. As root it measures cron too; nothing is installed, and nothing
of the machine's own is touched.
"""

from __future__ import annotations

import argparse
import datetime
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lib import cron, latency, machine, place, report, rest, sampling, throughput, yardstick
from lib.bench import Bench
from lib.ebb import Daemon, Ebb, Job
from lib.place import Places
from lib.procs import BenchError, Processes
from lib.progress import Progress
from lib.rest import Idle, Subject

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / ".work" / "bench"
SIZES = (1, 100, 1000)


@dataclass(frozen=True)
class Effort:
    """How long and how often to measure."""

    idle_s: float
    idle_after_use_s: float
    runs_before: int
    calm_s: float
    sampling_s: float
    latency_rounds: int
    throughput_rounds: int
    throughput_ms: int
    checkpoints: tuple[int, ...]


FULL = Effort(60, 60, 1000, 3, 60, 300, 5, 1000, (100, 1000, 5000, 10000))
QUICK = Effort(15, 5, 200, 1, 10, 60, 3, 250, (100, 250, 500, 1000))


def main() -> int:
    """Measures, prints the tables and writes them; missed targets are no failure of the bench."""
    arguments = parse()
    say = Progress()
    try:
        WORK.mkdir(parents=True, exist_ok=True)
        # The inner block ends first: no process is left when its files are removed.
        with place.places(WORK) as where, Processes() as procs:
            results = measure(procs, where, arguments, say)
    except KeyboardInterrupt:
        say.say("interrupted; everything that was started has been ended")
        return 130
    except (BenchError, OSError) as error:
        say.say(f"{error}")
        return 1
    for table in report.tables(results):
        print("\n" + table.text())
    report.write(results, arguments.out)
    say.say(f"written: RESULTS.md and results.json in {arguments.out}")
    return 0


def parse() -> argparse.Namespace:
    """The command line; a quick run does not overwrite the figures of a full one unless told to."""
    parser = argparse.ArgumentParser(description="Measure ebb side by side with cron and a minimal C daemon.")
    parser.add_argument("--ebbd", type=Path, required=True, help="the daemon, as `make release` builds it")
    parser.add_argument("--ebb", type=Path, required=True, help="the client")
    parser.add_argument("--quick", action="store_true", help="short windows, few samples: under 90 s")
    parser.add_argument(
        "--out", type=Path, help="for RESULTS.md and results.json [bench; quick: .work/bench]"
    )
    arguments = parser.parse_args()
    for program in (arguments.ebbd, arguments.ebb):
        if not os.access(program, os.X_OK):
            parser.error(f"{program} is not a program; `make release` builds it")
    arguments.out = arguments.out or (WORK if arguments.quick else HERE)
    return arguments


def measure(procs: Processes, where: Places, arguments: argparse.Namespace, say: Progress) -> report.Results:
    """One part after the other; within each, what is compared runs at the same time or in turns."""
    effort = QUICK if arguments.quick else FULL
    host = machine.describe()
    say.say("building the harness" + ("; a quick run" if arguments.quick else ""))
    harness = yardstick.build(procs, WORK / "bin", where.scratch / "build.log")
    bench = Bench(procs, harness, Ebb(arguments.ebbd.resolve(), arguments.ebb.resolve()), where, say)
    say.say("looking for Debian's cron")
    found = cron.find(procs, WORK)
    crond = found if isinstance(found, cron.Cron) else None
    if isinstance(found, str):
        say.say(f"  left out: {found}")
    idle, after_use = at_rest(bench, effort, crond)
    procs.stop_all()
    delays = latency.measure(bench, effort.latency_rounds)
    syncs = [latency.sync_cost(here) for here in where.all]
    procs.stop_all()
    rates = throughput.measure(bench, effort.throughput_rounds, effort.throughput_ms)
    procs.stop_all()
    sampled = sampling.measure(bench, effort.sampling_s)
    procs.stop_all()
    grown = throughput.growth(bench, effort.checkpoints, effort.calm_s)
    return report.Results(
        quick=arguments.quick,
        machine=host,
        binaries={"ebbd": machine.binary(bench.ebb.ebbd), "ebb": machine.binary(bench.ebb.ebb)},
        cron_version=crond.version if crond else None,
        cron_missing=found if isinstance(found, str) else None,
        rest=idle,
        after_use=after_use,
        runs_before=effort.runs_before,
        latency=delays,
        sync=syncs,
        throughput=rates,
        sampled=sampled,
        growth=grown,
    )


def at_rest(bench: Bench, effort: Effort, crond: cron.Cron | None) -> tuple[list[Idle], list[Idle]]:
    """All daemons at all sizes through one window; then the ebbds again, after they have been used."""
    say = bench.say
    say.say(f"at rest: ebbd{' and cron' if crond else ''} with {', '.join(map(str, SIZES))} jobs each")
    daemons = {size: start_ebbd(bench, size) for size in SIZES}
    ebbds = [Subject("ebbd", size, daemon.process) for size, daemon in daemons.items()]
    crons = [Subject("cron", size, start_cron(bench, crond, size)) for size in SIZES] if crond else []
    say.say(f"  all {len(crons + ebbds)} daemons idle for {effort.idle_s:.0f} s together")
    idle = rest.window(crons + ebbds, effort.idle_s, effort.calm_s, say)
    bench.procs.stop([subject.process for subject in crons])
    say.say(f"at rest after use: {effort.runs_before} runs and a status on each ebbd")
    for daemon in daemons.values():
        throughput.use(bench, daemon, job_name(0), effort.runs_before)
    say.say(f"  idle for {effort.idle_after_use_s:.0f} s")
    return idle, rest.window(ebbds, effort.idle_after_use_s, effort.calm_s, say)


def start_ebbd(bench: Bench, size: int) -> Daemon:
    """An ebbd with so many jobs."""
    jobs = [
        Job(job_name(i), command(bench, i), schedule=never_due(i), memory_max="256M") for i in range(size)
    ]
    disk, name = bench.places.disk, f"rest-{size}"
    return bench.ebb.start(bench.procs, jobs, disk.directory / name, disk.socket(name))


def start_cron(bench: Bench, crond: cron.Cron, size: int) -> subprocess.Popen[str]:
    """A cron with as many lines: the same slots, the same commands."""
    lines = [f"{never_due(i)} {' '.join(command(bench, i))}" for i in range(size)]
    return crond.start(bench.procs, lines, bench.scratch(f"cron-{size}"))


def job_name(i: int) -> str:
    """The i-th job."""
    return f"site-{i:04}"


def command(bench: Bench, i: int) -> list[str]:
    """What the i-th job does."""
    return [bench.harness.program("noop"), "--site", job_name(i)]


def never_due(i: int) -> str:
    """The i-th crontab slot of many different ones, all of them half a year away."""
    month = (datetime.datetime.now().month + 5) % 12 + 1
    return f"{i % 60} {i // 60 % 24} {i % 28 + 1} {month} *"


if __name__ == "__main__":
    sys.exit(main())
