"""Runs a second, each to its end, with history on; and whether ebbd's memory grows with their number."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from lib import ebb, yardstick
from lib.bench import Bench
from lib.ebb import Daemon, Job
from lib.rest import Memory, Subject, memory, settle

START_DELAY_NS = 50_000_000
LANES = ("a", "b")


@dataclass(frozen=True)
class Throughput:
    """Runs a second of one way: the median over the rounds, one lane alone and two side by side."""

    name: str
    one: float
    two: float


@dataclass(frozen=True)
class Grown:
    """ebbd's memory after so many runs in all."""

    runs: int
    memory: Memory
    rate: float


@dataclass(frozen=True)
class _Way:
    """A way to run a job: a loop of the harness, and the end of its command line for each lane."""

    name: str
    loop: str
    lanes: list[list[str]]


def measure(bench: Bench, rounds: int, round_ms: int) -> list[Throughput]:
    """Every way, with one lane and with two, once a round."""
    ways = _ways(bench)
    bench.say.say(f"runs a second: {len(ways)} ways, one and two at a time, {rounds} rounds of {round_ms} ms")
    rates: dict[tuple[str, int], list[float]] = {}
    for number in range(rounds):
        for way in ways:
            bench.say.tick(f"round {number + 1} of {rounds}: {way.name}")
            for lanes in (1, 2):
                rates.setdefault((way.name, lanes), []).append(_round(bench, way, lanes, round_ms))
    return [
        Throughput(way.name, statistics.median(rates[way.name, 1]), statistics.median(rates[way.name, 2]))
        for way in ways
    ]


def growth(bench: Bench, checkpoints: tuple[int, ...], calm_s: float) -> list[Grown]:
    """Memory of one ebbd after more and more runs, each time after a `status`, at rest."""
    job = Job("grow", [bench.harness.program("noop")], memory_max="64M")
    disk = bench.places.disk
    daemon = bench.ebb.start(bench.procs, [job], disk.directory / "growth", disk.socket("growth"))
    grown: list[Grown] = []
    done = 0
    for checkpoint in checkpoints:
        bench.say.say(f"memory over many runs: up to {checkpoint}")
        rate = use(bench, daemon, job.name, checkpoint - done)
        settle([Subject("ebbd", 1, daemon.process)], calm_s, bench.say)
        grown.append(Grown(checkpoint, memory(daemon.process.pid), rate))
        done = checkpoint
    return grown


def use(bench: Bench, daemon: Daemon, job: str, runs: int) -> float:
    """So many runs over one connection, one after the other, and a `status`; returns runs a second."""
    argv = ["callloop", "0", "0", str(runs), str(daemon.socket), ebb.call(job)]
    printed = bench.harness_run(argv, 60 + runs / 10)
    bench.procs.run(bench.ebb.status(daemon), bench.scratch("status.log"))
    return _rate(printed)


def _ways(bench: Bench) -> list[_Way]:
    """The floor, the yardstick and ebb, each with a client a job and over one connection."""
    job = [bench.harness.program("noop")]
    cdaemon = yardstick.start(bench.procs, bench.harness, job, bench.scratch("noop.sock"), static=True)
    ways = [
        _Way("posix_spawn of the job itself", "spawnloop", [job] * 2),
        _Way("C daemon, a client a job", "spawnloop", [cdaemon.ask(wait=True)] * 2),
        _Way("C daemon, one connection", "callloop", [["0", str(cdaemon.socket), "wait"]] * 2),
    ]
    for place in bench.places.all:
        # A job for each lane: two demands of one job would be one run.
        jobs = [Job(lane, job) for lane in LANES]
        state = place.directory / "throughput"
        daemon = bench.ebb.start(bench.procs, jobs, state, place.socket("throughput"))
        clients = [bench.ebb.run_now(daemon, lane, wait=True) for lane in LANES]
        calls = [["0", str(daemon.socket), ebb.call(lane)] for lane in LANES]
        ways += [
            _Way(f"ebb run-now --wait, state on {place.name}", "spawnloop", clients),
            _Way(f"ebbd, one connection, state on {place.name}", "callloop", calls),
        ]
    return ways


def _round(bench: Bench, way: _Way, lanes: int, round_ms: int) -> float:
    """Lets the lanes begin at the same instant and adds up what they reach."""
    start_ns = time.monotonic_ns() + START_DELAY_NS
    logs = [bench.scratch(f"lane-{number}.log") for number in range(lanes)]
    program = bench.harness.program(way.loop)
    running = [
        bench.procs.harness([program, str(start_ns), str(round_ms), *lane], log)
        for lane, log in zip(way.lanes, logs, strict=False)
    ]
    deadline_s = 60 + round_ms / 1000
    return sum(
        _rate(bench.procs.result(process, log, deadline_s))
        for process, log in zip(running, logs, strict=True)
    )


def _rate(printed: str) -> float:
    """Runs a second, from the "runs elapsed_ns" of a loop of the harness."""
    runs, elapsed_ns = printed.split()
    return int(runs) / (int(elapsed_ns) / 1e9)
