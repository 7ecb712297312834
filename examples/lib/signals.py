"""Ctrl-C, SIGTERM and a closed terminal end the demo in order."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """Turns the first signal into SystemExit, as soon as that may be."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: int | None = None
        for number in _ENDING:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._waiting = number
        if not self._held:
            self._end()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, nothing interrupts: a process is started and noted, or neither."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._waiting is not None:
            self._end()

    @staticmethod
    def ignore() -> None:
        """From now on nothing interrupts: the demo ends what it started, in a bounded time."""
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)

    def _end(self) -> None:
        name = os.path.basename(sys.argv[0])
        print(f"{name}: interrupted, ending what was started", file=sys.stderr)
        sys.exit(128 + (self._waiting or 0))
