"""What was to be reached, and whether it was. A figure missed is said as plainly as one met."""

from __future__ import annotations

from dataclasses import dataclass

from lib.latency import REFERENCE, SUBJECT, Latency
from lib.rest import Idle
from lib.sampling import Sampled
from lib.throughput import Grown

# Four pages: anything kept for each run is more than that after thousands of runs.
GROWTH_TOLERANCE_KB = 16
EXEC_FACTOR = 2.0
SAMPLING_PERCENT = 0.5


@dataclass(frozen=True)
class Target:
    """One thing that was to be reached; `met` is None where it could not be measured."""

    what: str
    reached: str
    wanted: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """For the table."""
        return "not measured" if self.met is None else "met" if self.met else "MISSED"


def judge(
    rest: list[Idle], latency: list[Latency], sampled: list[Sampled], growth: list[Grown]
) -> list[Target]:
    """All targets, in the order in which they are set."""
    ebbds = [idle for idle in rest if idle.name == "ebbd"]
    at_rest = [target for ebbd in ebbds for target in _at_rest(ebbd, rest)]
    return [*at_rest, _exec(latency), *map(_sampling, sampled), _growth(growth)]


def _at_rest(ebbd: Idle, rest: list[Idle]) -> list[Target]:
    cron = next((idle for idle in rest if idle.name == "cron" and idle.jobs == ebbd.jobs), None)
    pairs = [
        ("RSS", ebbd.memory.rss_kb, cron.memory.rss_kb if cron else None),
        ("private dirty", ebbd.memory.private_dirty_kb, cron.memory.private_dirty_kb if cron else None),
    ]
    found = [
        Target(
            f"{what}, N = {ebbd.jobs}",
            f"{mine} kB",
            "less than cron's" if theirs is None else f"less than cron's {theirs} kB",
            None if theirs is None else mine < theirs,
        )
        for what, mine, theirs in pairs
    ]
    window = f"context switches in {ebbd.window_s:.0f} s, N = {ebbd.jobs}"
    return [*found, Target(window, str(ebbd.switches), "0", ebbd.switches == 0)]


def _exec(latency: list[Latency]) -> Target:
    median_ms = {entry.name: entry.exec.median_ms for entry in latency}
    factor = median_ms[SUBJECT] / median_ms[REFERENCE]
    return Target(
        "first instruction, no limits, state on disk",
        f"{factor:.2f} x the static C daemon",
        f"at most {EXEC_FACTOR:g} x",
        factor <= EXEC_FACTOR,
    )


def _sampling(sampled: Sampled) -> Target:
    return Target(
        f"looks at {sampled.runs} runs asleep, {sampled.name}",
        f"{sampled.percent:.3f} % of a core",
        f"less than {SAMPLING_PERCENT:g} %",
        sampled.percent < SAMPLING_PERCENT,
    )


def _growth(growth: list[Grown]) -> Target:
    # The first checkpoint is left out: by the second, everything that is made once has been made.
    first, last = growth[1], growth[-1]
    rss_kb = last.memory.rss_kb - first.memory.rss_kb
    dirty_kb = last.memory.private_dirty_kb - first.memory.private_dirty_kb
    return Target(
        f"growth from run {first.runs} to run {last.runs}",
        f"RSS {rss_kb:+d} kB, private dirty {dirty_kb:+d} kB",
        f"at most {GROWTH_TOLERANCE_KB} kB",
        max(rss_kb, dirty_kb) <= GROWTH_TOLERANCE_KB,
    )
