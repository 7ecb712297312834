"""The processes that the demo starts, and their end, whatever happens: by number, not by name."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lib import procfs
from lib.errors import DemoError
from lib.signals import Signals

STOP_SECONDS = 20.0
"""How long a process may take to end after SIGTERM. ebbd gives its runs ten seconds of grace."""


def clean_environment(more: dict[str, str]) -> dict[str, str]:
    """What ebb gives a job, about: nothing of the person's shell can change what is measured."""
    kept = {name: os.environ[name] for name in ("HOME", "USER", "LOGNAME") if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **kept, **more}


class Children:
    """Started here, ended here."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._started: list[subprocess.Popen[Any]] = []
        self._runs: set[procfs.Identity] = set()

    def start(self, command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
        """Starts a process in a session of its own: Ctrl-C reaches the demo, which ends it."""
        try:
            with self._signals.held():
                child = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    **options,
                )
                self._started.append(child)
        except OSError as error:
            raise DemoError(f"can't start {command[0]}: {error.strerror}") from error
        return child

    def remember_run(self, identities: set[procfs.Identity]) -> None:
        """Processes that ebbd has started: ended here only if ebbd could not do it."""
        self._runs |= identities

    @staticmethod
    def stop(child: subprocess.Popen[Any]) -> int:
        """Ends one of them and returns its exit code; negative is a signal.

        What it has started in its own session (the pip of a venv, say) ends with it; ebbd's runs
        have sessions of their own, and ebbd ends them.
        """
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
        return child.wait()

    def stop_all(self) -> None:
        """Ends everything that is left, the last started first."""
        for child in reversed(self._started):
            self.stop(child)
        for identity in self._runs:
            _kill(identity)


def _kill(identity: procfs.Identity) -> None:
    try:
        handle = os.pidfd_open(identity.pid)
    except OSError:
        return
    try:
        # The handle holds the process still; now the number can't come to mean another one.
        if procfs.is_alive(identity):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(handle)
