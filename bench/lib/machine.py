"""What the figures were taken on: nothing that names the machine or a place on it."""

from __future__ import annotations

import datetime
import os
import platform
from dataclasses import dataclass
from pathlib import Path

ELF_INTERPRETER = 3


@dataclass(frozen=True)
class Machine:
    """For the head of the report."""

    date: str
    kernel: str
    system: str
    cpu: str
    cores: int
    memory_gib: float
    cgroups: str
    load_before: float


def describe() -> Machine:
    """The machine that this runs on, and what else it is doing; to be asked before anything is measured."""
    pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    pure_v2 = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return Machine(
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        kernel="Linux " + platform.release().split("-")[0],
        system=_value(Path("/etc/os-release"), "PRETTY_NAME", "=").strip('"'),
        cpu=_value(Path("/proc/cpuinfo"), "model name", ":"),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages * page_size / 2**30, 1),
        cgroups="v2" if pure_v2 else "v1 or hybrid",
        load_before=round(os.getloadavg()[0], 1),
    )


def binary(path: Path) -> str:
    """Size and linking of a 64-bit ELF program: it is dynamic if it names an interpreter."""
    data = path.read_bytes()
    table, entry_size, entries = (
        int.from_bytes(data[at : at + size], "little") for at, size in ((32, 8), (54, 2), (56, 2))
    )
    kinds = (
        {int.from_bytes(data[table + i * entry_size :][:4], "little") for i in range(entries)}
        if data[:5] == b"\x7fELF\x02"
        else set()
    )
    linked = "not a 64-bit ELF" if not kinds else "dynamic" if ELF_INTERPRETER in kinds else "static"
    return f"{len(data) / 1e6:.2f} MB, {linked}"


def _value(path: Path, key: str, separator: str) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return "unknown"
    pairs = (line.partition(separator) for line in lines)
    return next((value.strip() for name, _, value in pairs if name.strip() == key), "unknown")
