"""Runs the indexer as a job of ebbd, and measures both."""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import cgroups, procfs
from lib.children import Children, clean_environment
from lib.errors import DemoError
from lib.progress import Progress
from lib.units import mib

JOB = "indexer"
SAMPLE_SECONDS = 0.2
READY = re.compile(r"\bready\b")
READY_SECONDS = 30.0
CLIENT_SECONDS = 30.0


@dataclass(slots=True)
class Seen:
    """What was seen of a run from outside while it lasted."""

    processes: set[procfs.Identity]
    cgroups: frozenset[Path]
    peak_anonymous: int


@dataclass(frozen=True, slots=True)
class Run:
    """A run as ebb records it, as the job reports it, and as it was seen."""

    exit_code: int
    record: dict[str, Any]
    report: dict[str, Any]
    seen: Seen


class Daemon:
    """One ebbd with a socket, a state directory and jobs of its own."""

    def __init__(
        self,
        ebbd: Path,
        ebb: Path,
        folders: dict[str, Path],
        children: Children,
        progress: Progress,
    ) -> None:
        self._ebb = ebb
        self._socket = folders["socket"]
        self._log = folders["log"]
        self._children = children
        self._progress = progress
        self._cgroups_before = cgroups.directories()
        command: list[str | Path] = [ebbd, "--jobs", folders["jobs"], "--state", folders["state"]]
        with self._log.open("wb") as errors:
            self._process = children.start(
                [*command, "--socket", self._socket],
                stdout=errors,
                stderr=errors,
                env=clean_environment({}),
            )
        self._wait_until_ready()

    def at_rest(self) -> procfs.Memory:
        """Its memory, once it sleeps."""
        if not procfs.comes_to_rest(self._process.pid):
            raise DemoError(f"ebbd did not come to rest; see {self._log}")
        return procfs.memory(self._process.pid)

    def run_job(self) -> Run:
        """Has the job run, watches it, and asks for its record."""
        client = self._start_client("run-now", JOB, "--wait")
        seen = Seen(set(), frozenset(), 0)
        while client.poll() is None:
            self._watch(seen)
            time.sleep(SAMPLE_SECONDS)
        _, errors = client.communicate()
        history = self._history()
        if not history:
            said = errors.strip() or "it said nothing"
            raise DemoError(f"ebb run-now ended with {client.returncode}, without a run: {said}")
        record, output = history[-1], self._ask("logs", JOB)
        report = _last_json(output)
        if not report:
            raise DemoError(f"the job ended with {record['outcome']}; its output was:\n{output}")
        return Run(client.returncode, record, report, seen)

    def left_of(self, run: Run) -> list[str]:
        """What still exists of a run while ebbd lives on, in words; zombies too."""
        children = {child.identity.pid for child in procfs.descendants(self._process.pid)}
        used = run.seen.cgroups - cgroups.of_process(self._process.pid)
        return _named(_alive(run) | children, cgroups.left(used, self._cgroups_before))

    def stop(self, run: Run) -> tuple[int, list[str]]:
        """Ends ebbd as systemd would. Returns its exit code, and what is left of it and the run."""
        used = run.seen.cgroups | cgroups.of_process(self._process.pid)
        exit_code = self._children.stop(self._process)
        left = cgroups.left(cgroups.with_parents(used), self._cgroups_before)
        return exit_code, _named(_alive(run), left)

    def _history(self) -> list[dict[str, Any]]:
        """Every run of the job, the newest last."""
        text = self._ask("history", JOB, "--json")
        try:
            records: list[dict[str, Any]] = json.loads(text)
        except json.JSONDecodeError as error:
            raise DemoError(f"ebb history --json printed no JSON ({error}): {text!r}") from error
        return [record for record in records if record["outcome"] != "skipped"]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not READY.search(self._log.read_text(errors="replace")):
            if self._process.poll() is not None:
                text = self._log.read_text(errors="replace").strip()
                raise DemoError(f"ebbd ended with {self._process.returncode}:\n{text}")
            if time.monotonic() > deadline:
                raise DemoError(f"ebbd was not ready within {READY_SECONDS:.0f} s; see {self._log}")
            time.sleep(0.05)

    def _watch(self, seen: Seen) -> None:
        family = procfs.descendants(self._process.pid)
        seen.processes |= {member.identity for member in family}
        self._children.remember_run(seen.processes)
        for member in family:
            seen.cgroups |= cgroups.of_process(member.identity.pid)
        held = sum(procfs.anonymous(member.identity.pid) for member in family)
        seen.peak_anonymous = max(seen.peak_anonymous, held)
        self._progress.beat(f"the job holds {mib(held)} MiB")

    def _start_client(self, *arguments: str) -> subprocess.Popen[str]:
        return self._children.start(
            [self._ebb, "--socket", self._socket, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment({}),
        )

    def _ask(self, *arguments: str) -> str:
        """What `ebb` prints. Raises DemoError if it fails."""
        client = self._start_client(*arguments)
        what = f"ebb {' '.join(arguments)}"
        try:
            output, errors = client.communicate(timeout=CLIENT_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"{what}: no answer within {CLIENT_SECONDS:.0f} s") from error
        if client.returncode != 0:
            raise DemoError(f"{what} ended with {client.returncode}:\n{errors.strip()}")
        return output


def _alive(run: Run) -> set[int]:
    """What still exists of the processes seen in the run, and whatever carries its mark."""
    found = {identity.pid for identity in run.seen.processes if procfs.is_alive(identity)}
    earliest = min((identity.started_ticks for identity in run.seen.processes), default=0)
    mark = (JOB, str(run.record["id"]))
    for other in procfs.processes():
        if other.identity.started_ticks >= earliest:
            known = procfs.environment(other.identity.pid)
            if (known.get("EBB_JOB"), known.get("EBB_RUN_ID")) == mark:
                found.add(other.identity.pid)
    return found


def _named(pids: set[int], paths: list[Path]) -> list[str]:
    return [f"process {pid}" for pid in sorted(pids)] + [f"cgroup {path}" for path in paths]


def _last_json(output: str) -> dict[str, Any]:
    """The report that the indexer prints last; empty if it did not come so far."""
    last = output.strip().rpartition("\n")[2]
    return json.loads(last) if last.startswith("{") else {}
