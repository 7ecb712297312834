"""What the bench says while it works: whole lines for steps, one line rewritten in place for waiting."""

from __future__ import annotations

import sys
import time


class Progress:
    """Writes to standard error; rewrites a line only on a terminal."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._waiting = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the bench began."""
        return time.monotonic() - self._started

    def say(self, text: str) -> None:
        """A step, on a line of its own."""
        self._clear()
        print(f"[{self.elapsed_s:4.0f} s] {text}", file=sys.stderr, flush=True)

    def tick(self, text: str) -> None:
        """What is being waited for; shown on a terminal only."""
        if self._terminal:
            print(f"\r\x1b[K[{self.elapsed_s:4.0f} s]   {text}", end="", file=sys.stderr, flush=True)
            self._waiting = True

    def _clear(self) -> None:
        if self._waiting:
            print("\r\x1b[K", end="", file=sys.stderr)
            self._waiting = False
