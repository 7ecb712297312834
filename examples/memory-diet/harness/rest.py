"""The memory of a whole tree of processes, once it has come to rest."""

import time

from lib import procfs
from lib.errors import DemoError

QUIET_SECONDS = 1.0
WITHIN_SECONDS = 30.0
LOOK_SECONDS = 0.1


def pss_at_rest(root: int, what: str) -> int:
    """Bytes, shared pages by their shares, once no member has used CPU for a while.

    A server's master may wake up once a second and look around; that is rest. Raises DemoError if
    the tree never rests or is gone.
    """
    deadline = time.monotonic() + WITHIN_SECONDS
    seen, since = _ticks(root), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        now = _ticks(root)
        if not now:
            raise DemoError(f"{what} ended before its memory was read")
        if now != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since >= QUIET_SECONDS:
            return sum(procfs.memory(pid).pss for pid in now)
    raise DemoError(f"{what} did not come to rest within {WITHIN_SECONDS:.0f} s")


def _ticks(root: int) -> dict[int, int]:
    """CPU of each member of the tree; a zombie has no memory and is none."""
    found = procfs.stat(root)
    family = [found, *procfs.descendants(root)] if found else []
    return {one.identity.pid: one.cpu_ticks for one in family if one.state != "Z"}
