"""Which cgroups a run was in, under whatever names and hierarchies, and which of them are left."""

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Mount:
    """One mounted hierarchy."""

    point: Path
    root: str
    is_v2: bool
    options: frozenset[str]


@cache
def mounts() -> tuple[Mount, ...]:
    """The cgroup hierarchies that are mounted here."""
    found = []
    for line in MOUNTINFO.read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _source, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = before.split(" ")[3:5]
            is_v2 = kind == "cgroup2"
            found.append(Mount(Path(_unescape(point)), root, is_v2, frozenset(options.split(","))))
    return tuple(found)


def directories() -> frozenset[Path]:
    """Every cgroup that exists now."""
    return frozenset(Path(folder) for mount in mounts() for folder, _, _ in os.walk(mount.point))


def of_process(pid: int) -> frozenset[Path]:
    """The directories of the cgroups that a process is in; empty if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return frozenset()
    found = set()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for mount in mounts():
            if _is_of(mount, controllers):
                relative = os.path.relpath(path, mount.root)
                found.add(Path(os.path.normpath(mount.point / relative)))
    return frozenset(found)


def with_parents(paths: frozenset[Path]) -> frozenset[Path]:
    """The directories, and those above them in their hierarchies."""
    points = {mount.point for mount in mounts()}
    lineage = {path for used in paths for path in (used, *used.parents)}
    return frozenset(path for path in lineage if points.intersection(path.parents))


def left(paths: frozenset[Path], before: frozenset[Path]) -> list[Path]:
    """Those that did not exist before and do now."""
    return sorted(path for path in paths - before if path.is_dir())


def _is_of(mount: Mount, controllers: str) -> bool:
    """Whether a line of /proc/PID/cgroup speaks of this hierarchy; v2 names no controllers."""
    if mount.is_v2 or not controllers:
        return mount.is_v2 and not controllers
    return set(controllers.split(",")) <= mount.options


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)
