"""All that the bench knows of ebb: its command line, its job files, its call over the socket."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lib.procs import Processes, wait_until

READY = re.compile(r"\bready\b")


@dataclass(frozen=True)
class Job:
    """A job file of the bench."""

    name: str
    command: list[str]
    schedule: str | None = None
    memory_max: str | None = None

    def text(self) -> str:
        """The file: with a schedule as long as a real one is, without one as short as it can be."""
        lines = [f"command = {json.dumps(self.command)}"]
        if self.schedule is not None:
            lines = [
                f'description = "Rebuild the search index of {self.name}"',
                *lines,
                'working-directory = "/"',
                f'schedule = "{self.schedule}"',
                'catch-up = "once"',
                'timeout = "20m"',
                'retry = { attempts = 2, delay = "1m" }',
                "nice = 5",
                "",
                "[environment]",
                f'SITE = "{self.name}"',
                'INDEX_LANGUAGE = "english"',
            ]
        if self.memory_max is not None:
            lines += ["", "[memory]", f'max = "{self.memory_max}"']
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Daemon:
    """An ebbd of the bench that is ready."""

    process: subprocess.Popen[str]
    socket: Path
    log: Path


@dataclass(frozen=True)
class Ebb:
    """The two binaries under test."""

    ebbd: Path
    ebb: Path

    def start(self, procs: Processes, jobs: list[Job], state: Path, socket: Path) -> Daemon:
        """Writes the job files and starts an ebbd on them; returns when it has said that it is ready.

        `state` becomes the state directory; the job files and the log lie beside it.
        """
        definitions = state.with_name(state.name + "-jobs")
        log = state.with_name(state.name + ".log")
        for directory in (state, definitions):
            directory.mkdir(parents=True, mode=0o755)
        for job in jobs:
            (definitions / f"{job.name}.toml").write_text(job.text())
        places = ["--jobs", str(definitions), "--state", str(state), "--socket", str(socket)]
        process = procs.daemon([str(self.ebbd), *places], log)
        wait_until(
            lambda: READY.search(log.read_text(errors="replace")) is not None, "being ready", process, log
        )
        return Daemon(process, socket, log)

    def run_now(self, daemon: Daemon, job: str, *, wait: bool) -> list[str]:
        """The client's command line for one run."""
        argv = [str(self.ebb), "--socket", str(daemon.socket), "run-now", job]
        return [*argv, "--wait"] if wait else argv

    def status(self, daemon: Daemon) -> list[str]:
        """The client's command line for the status of all jobs."""
        return [str(self.ebb), "--socket", str(daemon.socket), "status"]


def call(job: str) -> str:
    """The Varlink call that runs a job and is answered at the run's end, without the NUL that ends it."""
    parameters = {"job": job, "wait": True}
    return json.dumps({"method": "io.ebb.Control.RunNow", "parameters": parameters}, separators=(",", ":"))
