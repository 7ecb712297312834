"""Where the files of the bench lie: state directories on a disk and in memory, sockets on a short path."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Place:
    """A directory for state directories, with a name for the tables."""

    name: str
    filesystem: str
    directory: Path
    sockets: Path

    def socket(self, name: str) -> Path:
        """A socket for a daemon whose state lies here."""
        return self.sockets / f"{name}-{self.name}.sock"


@dataclass(frozen=True)
class Places:
    """All of them, and a directory for the rest."""

    disk: Place
    tmpfs: Place | None
    scratch: Path

    @property
    def all(self) -> list[Place]:
        """Those that there are."""
        return [place for place in (self.disk, self.tmpfs) if place is not None]


@contextmanager
def places(work: Path) -> Iterator[Places]:
    """Makes the directories and removes them at the end. `work` is to be on a real disk.

    Sockets lie below the system's directory for temporary files: a unix socket's path has at most 107 bytes.
    """
    made: list[Path] = []

    def fresh(parent: Path | None) -> Path:
        directory = Path(tempfile.mkdtemp(prefix="ebb-bench-", dir=parent))
        made.append(directory)
        return directory

    try:
        sockets, on_disk = fresh(None), fresh(work)
        disk = Place("disk", filesystem(on_disk), on_disk, sockets)
        tmpfs = None
        if (
            SHARED_MEMORY.is_dir()
            and filesystem(SHARED_MEMORY) == "tmpfs"
            and os.access(SHARED_MEMORY, os.W_OK)
        ):
            tmpfs = Place("tmpfs", "tmpfs", fresh(SHARED_MEMORY), sockets)
        yield Places(disk, tmpfs, sockets)
    finally:
        for directory in made:
            shutil.rmtree(directory, ignore_errors=True)


def filesystem(path: Path) -> str:
    """The type of the file system that holds a directory, as the kernel names it."""
    best, found = -1, "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        head, _, rest = line.partition(" - ")
        mounted = Path(head.split()[4])
        if path.resolve().is_relative_to(mounted) and len(mounted.parts) >= best:
            best, found = len(mounted.parts), rest.split()[0]
    return found
