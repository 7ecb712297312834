"""What the kernel says of processes: memory, state, family. All sizes are in bytes."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one process at one moment, from smaps_rollup."""

    rss: int
    pss: int
    private_dirty: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A process for good: the number alone may be given to another one later."""

    pid: int
    started_ticks: int


@dataclass(frozen=True, slots=True)
class Stat:
    """What is used of /proc/PID/stat."""

    identity: Identity
    state: str
    parent: int
    cpu_ticks: int


def memory(pid: int) -> Memory:
    """Raises OSError if the process is gone or not ours to look at."""
    sizes = _sizes(PROC / str(pid) / "smaps_rollup")
    return Memory(sizes["Rss"], sizes["Pss"], sizes["Private_Dirty"])


def peak_rss(pid: int) -> int:
    """The highest RSS that the process has ever had. Raises OSError if it is gone."""
    return _sizes(PROC / str(pid) / "status")["VmHWM"]


def anonymous(pid: int) -> int:
    """Its anonymous memory now; 0 if it is gone."""
    try:
        return _sizes(PROC / str(pid) / "status").get("RssAnon", 0)
    except OSError:
        return 0


def stat(pid: int) -> Stat | None:
    """None if there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return Stat(
        identity=Identity(pid, int(fields[19])),
        state=fields[0],
        parent=int(fields[1]),
        cpu_ticks=int(fields[11]) + int(fields[12]),
    )


def processes() -> Iterator[Stat]:
    """Every process that can be seen, zombies too."""
    for name in os.listdir(PROC):
        if name.isdigit() and (found := stat(int(name))):
            yield found


def descendants(root: int) -> list[Stat]:
    """Children of a process, their children, and so on; zombies too."""
    everything = list(processes())
    family = {root}
    found: list[Stat] = []
    grown = True
    while grown:
        new = [s for s in everything if s.parent in family and s.identity.pid not in family]
        family.update(s.identity.pid for s in new)
        found += new
        grown = bool(new)
    return found


def environment(pid: int) -> dict[str, str]:
    """The environment it was started with; empty if it is gone or not ours to look at."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition("=") for entry in os.fsdecode(raw).split("\0") if "=" in entry)
    return {name: value for name, _, value in pairs}


def is_alive(identity: Identity) -> bool:
    """Whether this very process still exists; a zombie does."""
    now = stat(identity.pid)
    return now is not None and now.identity == identity


def comes_to_rest(pid: int, quiet_seconds: float = 1.0, within_seconds: float = 30.0) -> bool:
    """Waits until a process has slept for a while, without a wake-up. False if it never does."""
    deadline = time.monotonic() + within_seconds
    seen, since = None, time.monotonic()
    while time.monotonic() < deadline:
        now = _activity(pid)
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since >= quiet_seconds:
            return True
        time.sleep(0.1)
    return False


def _activity(pid: int) -> tuple[str, int, int] | None:
    found = stat(pid)
    if found is None or found.state != "S":
        return None
    switches = _fields(PROC / str(pid) / "status").get("voluntary_ctxt_switches", "0")
    return found.state, found.cpu_ticks, int(switches)


def _fields(path: Path) -> dict[str, str]:
    pairs = (line.partition(":") for line in path.read_text().splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _sizes(path: Path) -> dict[str, int]:
    return {
        name: int(value[:-3]) * 1024
        for name, value in _fields(path).items()
        if value.endswith(" kB")
    }
