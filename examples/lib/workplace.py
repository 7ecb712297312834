"""Where a demo writes, the programs that it is given, and its end, whatever happens."""

import argparse
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.children import Children
from lib.errors import DemoError
from lib.signals import Signals


def run(work: Path, demo: Callable[[Path, Children], bool]) -> int:
    """Runs a demo with a short directory of its own for sockets, and ends all that it started.

    Returns its exit code: 0 if the demo says that all held.
    """
    signals = Signals()
    children = Children(signals)
    runtime = Path(tempfile.mkdtemp(prefix="ebb-demo-"))
    try:
        with locked(work):
            return 0 if demo(runtime, children) else 1
    except (DemoError, OSError) as error:
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr)
        return 1
    finally:
        signals.ignore()
        children.stop_all()
        shutil.rmtree(runtime, ignore_errors=True)


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
