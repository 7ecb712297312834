"""Says what the demo is doing while it does it."""

import time


class Progress:
    """Numbered steps, and lines below them: every few seconds one, where a step takes long."""

    EVERY_SECONDS = 5.0

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._step = 0
        self._started = time.monotonic()
        self._said = self._started

    def step(self, text: str) -> None:
        self._step += 1
        print(f"[{self._step}/{self._steps}] {text}", flush=True)
        self._said = time.monotonic()

    def line(self, text: str) -> None:
        print(f"      {text}", flush=True)
        self._said = time.monotonic()

    def beat(self, text: str) -> None:
        """A line, unless one was printed only just now."""
        if time.monotonic() - self._said >= self.EVERY_SECONDS:
            self.line(text)

    def elapsed(self) -> float:
        """Seconds since the demo began."""
        return time.monotonic() - self._started
