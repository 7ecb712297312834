"""From just before a client is spawned to the job's first instruction, and to the client's return.

The clock is read in C (bench/c/latency.c and first.c); here the ways to trigger a job are laid out and summed
up.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from lib import yardstick
from lib.bench import Bench
from lib.ebb import Job
from lib.place import Place

WARMUP = 10
GAP_US = 3000
SYNC_SAMPLES = 100
FLOOR = "posix_spawn of the job itself"
REFERENCE = "C daemon and client, static"
SUBJECT = "ebb run-now, state on disk"
WAIT = ", --wait"
LIMIT = "64M"


@dataclass(frozen=True)
class Spread:
    """Of one figure over all samples, in milliseconds."""

    median_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Latency:
    """One way to trigger a job."""

    name: str
    samples: int
    exec: Spread
    returned: Spread


@dataclass(frozen=True)
class Sync:
    """What fdatasync of one appended line costs where a state directory lies."""

    place: str
    filesystem: str
    spread: Spread


def spread(values_ns: list[int]) -> Spread:
    """Median and 99th percentile (the smallest value that 99 % do not exceed)."""
    ordered = sorted(values_ns)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    p99 = ordered[-(-len(ordered) * 99 // 100) - 1]
    return Spread(median / 1e6, p99 / 1e6)


def measure(bench: Bench, rounds: int) -> list[Latency]:
    """Takes every way to trigger a job once a round, in an order that changes."""
    fifo, plan, log = bench.scratch("first"), bench.scratch("latency.plan"), bench.scratch("latency.log")
    os.mkfifo(fifo, 0o600)
    job = [bench.harness.program("first"), str(fifo)]
    ways = {FLOOR: job} | _yardstick_ways(bench, job)
    for place in bench.places.all:
        ways |= _ebb_ways(bench, job, place)
    plan.write_text("".join("\t".join([name, *argv]) + "\n" for name, argv in ways.items()))
    bench.say.say(
        f"from trigger to first instruction: {len(ways)} ways, {rounds} samples of each, interleaved"
    )
    argv = [bench.harness.program("latency"), str(rounds), str(WARMUP), str(GAP_US), str(fifo)]
    harness = bench.procs.harness(argv, log, plan)
    return _summed_up(list(ways), bench.procs.result(harness, log, 60 + rounds * len(ways)))


def sync_cost(place: Place) -> Sync:
    """The floor of an acknowledgement that waits for the disk, taken in the same minutes."""
    values_ns: list[int] = []
    with (place.directory / "sync").open("ab", buffering=0) as file:
        for _ in range(SYNC_SAMPLES):
            started = time.monotonic_ns()
            file.write(b"x" * 255 + b"\n")
            os.fdatasync(file.fileno())
            values_ns.append(time.monotonic_ns() - started)
    return Sync(place.name, place.filesystem, spread(values_ns))


def _yardstick_ways(bench: Bench, job: list[str]) -> dict[str, list[str]]:
    ways: dict[str, list[str]] = {}
    for kind in ("static", "dynamic"):
        socket = bench.scratch(f"first-{kind}.sock")
        daemon = yardstick.start(bench.procs, bench.harness, job, socket, static=kind == "static")
        for wait in (False, True):
            ways[f"C daemon and client, {kind}" + (WAIT if wait else "")] = daemon.ask(wait=wait)
    return ways


def _ebb_ways(bench: Bench, job: list[str], place: Place) -> dict[str, list[str]]:
    """Each way has a job of its own, so that no demand can meet the run before it."""
    kinds = [(limit, wait) for limit in (None, LIMIT) for wait in (False, True)]
    jobs = [Job(f"job-{i}", job, memory_max=limit) for i, (limit, _) in enumerate(kinds)]
    daemon = bench.ebb.start(bench.procs, jobs, place.directory / "latency", place.socket("latency"))
    ways: dict[str, list[str]] = {}
    for definition, (limit, wait) in zip(jobs, kinds, strict=True):
        words = (", memory limit" if limit else "") + (WAIT if wait else "")
        ways[f"ebb run-now, state on {place.name}{words}"] = bench.ebb.run_now(
            daemon, definition.name, wait=wait
        )
    return ways


def _summed_up(names: list[str], printed: str) -> list[Latency]:
    exec_ns: dict[str, list[int]] = {name: [] for name in names}
    return_ns: dict[str, list[int]] = {name: [] for name in names}
    for line in printed.splitlines():
        name, to_exec, to_return = line.split("\t")
        exec_ns[name].append(int(to_exec))
        return_ns[name].append(int(to_return))
    return [Latency(name, len(ns), spread(ns), spread(return_ns[name])) for name, ns in exec_ns.items()]
