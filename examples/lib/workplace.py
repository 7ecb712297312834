"""Where a demo writes, and the programs that it is given."""

import argparse
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.errors import DemoError


@contextmanager
def locked(work: Path) -> Iterator[None]:
    """Two demos at once would measure each other, in the same files."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / "lock").open("w")
    except OSError as error:
        raise DemoError(
            f"can't write to {work}: {error.strerror}. --work names another place"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DemoError(f"another demo is using {work}; --work names another place") from error
        yield


def program(text: str) -> Path:
    """For argparse: the absolute path of a file that can be executed."""
    path = Path(text).absolute()
    if not os.access(path, os.X_OK) or not path.is_file():
        raise argparse.ArgumentTypeError(f"{text} is not a program; build it first, with `make`")
    return path
