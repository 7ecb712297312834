"""The five techniques: how each side of a pair is run, and what is read of it."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib import jobfile
from lib.children import Children
from lib.errors import DemoError
from lib.progress import Progress
from lib.supervised import JOB, Daemon

from harness.measure import Command, Figures, Measured, serve

DIET = Path(__file__).resolve().parent.parent
INDEXER = DIET.parent / "search-indexer"
SYNC_WORKERS = 4
RUN_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done; the same for both sides."""

    shows: int
    transcripts: int
    requests: int
    """To each server."""
    services: int
    """That the search indexer reads."""


FULL = Size(shows=200, transcripts=900, requests=240, services=45)
SMALL = Size(shows=4, transcripts=12, requests=8, services=2)


@dataclass(frozen=True, slots=True)
class Facts:
    """One run of one side."""

    answer: str
    """Fingerprint of all that it has answered."""
    answered: int
    """How many answers that were."""
    figures: Figures
    """With `rest` (bytes) and `rate` (requests a second) where there are such."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What is needed to run any of them."""

    ebb: Path
    ebbd: Path
    venv: Path
    catalogue: Path
    work: Path
    runtime: Path
    """Short: the path of a socket may have 107 bytes."""
    size: Size
    children: Children
    progress: Progress

    def start(self, folder: Path, *words: str | Path, **environment: str) -> Measured:
        """Starts a program of the venv under `ebb measure`."""
        program, *rest = words
        command = Command([self.venv / "bin" / program, *rest], folder, environment)
        return Measured(self.ebb, command, self.work, self.children, self.progress)


Side = Callable[[Bench], Facts]


def sync_workers(bench: Bench) -> Facts:
    # Without the socket that gunicorn opens in the home directory for its own client.
    options = ["--workers", str(SYNC_WORKERS), "--worker-class", "sync", "--no-control-socket"]
    return _server(bench, "workers", _of_site(bench), "gunicorn", *options, "before:app")


def async_worker(bench: Bench) -> Facts:
    options = ["--interface", "asgi", "--workers", "1"]
    return _server(bench, "workers", _of_site(bench), "granian", *options, "after:app")


def orm(module: str) -> Side:
    """Mostly the page of a show; two times all episodes."""

    def run(bench: Bench) -> Facts:
        paths = _shows(bench, bench.size.requests)
        paths[len(paths) // 2] = paths[-1] = "/sitemap.txt"
        return _server(bench, "orm", paths, "granian", *_WSGI, f"{module}:app")

    return run


def imports(module: str) -> Side:
    """Only what needs none of the heavy libraries."""

    def run(bench: Bench) -> Facts:
        paths = _shows(bench, bench.size.requests)
        return _server(bench, "imports", paths, "granian", *_WSGI, f"{module}:app")

    return run


def cache(module: str, lines: int) -> Side:
    def run(bench: Bench) -> Facts:
        directory = bench.work / "cache"
        shutil.rmtree(directory, ignore_errors=True)
        where = [directory] if module == "after" else []
        words: list[str | Path] = [f"{module}.py", bench.catalogue, str(lines), *where]
        program = bench.start(DIET / "cache", "python", *words)
        figures = program.ended()
        said = json.loads(program.said().rpartition("\n")[2])
        answered = said["hits"] + said["misses"]
        return Facts(json.dumps(said), answered, figures)

    return run


def resident(bench: Bench) -> Facts:
    """One run of the daemon, then its rest."""
    index = bench.work / "resident.db"
    job = _job(bench)
    words = ["resident.py", "--index", str(index), "--services", str(bench.size.services)]
    daemon = bench.start(INDEXER, "python", *words, **job.environment)
    daemon.wait_until(lambda: bool(_events(daemon, "ready")), "did not get ready")
    os.kill(daemon.pid(), signal.SIGUSR1)
    daemon.wait_until(lambda: bool(_events(daemon, "run")), "did not index", RUN_SECONDS)
    report = _events(daemon, "run")[0]["report"]
    at_rest = daemon.at_rest()
    figures = daemon.end() | {"rest": float(at_rest)}
    return Facts(_of_index(index, report), report["documents"], figures)


def as_job(bench: Bench) -> Facts:
    """One run of the job by ebbd, then ebbd's rest."""
    job, state = _job(bench), bench.work / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700)
    folders = {
        "jobs": bench.work / "jobs",
        "state": state,
        "socket": bench.runtime / "ebb.sock",
        "log": bench.work / "ebbd.log",
    }
    ebbd = Daemon(bench.ebbd, bench.ebb, folders, bench.children, bench.progress)
    run = ebbd.run_job()
    if run.record["outcome"] != "success":
        raise DemoError(f"the job ended with {run.record['outcome']}")
    at_rest = ebbd.at_rest().pss
    ebbd.stop(run)
    report = run.report["report"]
    figures = {
        "rest": float(at_rest),
        "peak": float(run.record["peak_anon_bytes"] or 0),
        "wall": run.record["duration_ms"] / 1000,
    }
    index = Path(job.command[job.command.index("--index") + 1])
    return Facts(_of_index(index, report), report["documents"], figures)


_WSGI = ["--interface", "wsgi", "--workers", "1", "--blocking-threads", "1"]


def _shows(bench: Bench, count: int) -> list[str]:
    return [f"/shows/{at % bench.size.shows + 1}" for at in range(count)]


def _of_site(bench: Bench) -> list[str]:
    """Pages and their JSON in turn."""
    shows = _shows(bench, bench.size.requests // 2)
    return [path for show in shows for path in (show, f"/api{show}")]


def _server(bench: Bench, folder: str, paths: list[str], *words: str) -> Facts:
    program, *options = words
    socket = bench.runtime / "server.sock"
    socket.unlink(missing_ok=True)
    listen = ["--uds", socket] if program == "granian" else ["--bind", f"unix:{socket}"]
    catalogue = str(bench.catalogue)
    server = bench.start(DIET / folder, program, *listen, *options, CATALOGUE=catalogue)
    served = serve(server, socket, paths, bench.progress)
    rate = served.answers.count / served.answers.seconds
    figures = served.figures | {"rest": float(served.at_rest), "rate": rate}
    return Facts(served.answers.fingerprint, served.answers.count, figures)


def _job(bench: Bench) -> jobfile.Job:
    copy = bench.work / "jobs" / f"{JOB}.toml"
    original = INDEXER / "indexer.toml"
    return jobfile.write_copy(original, copy, bench.venv, bench.work, bench.size.services)


def _events(daemon: Measured, name: str) -> list[dict[str, Any]]:
    """What resident.py has said so far, among the lines of its progress."""
    lines = daemon.output.read_text(errors="replace").splitlines(keepends=True)
    events = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
    return [event for event in events if event["event"] == name]


def _of_index(index: Path, report: dict[str, Any]) -> str:
    """Of the rows that the indexer wrote, and its counts."""
    found = hashlib.sha256()
    with sqlite3.connect(f"file:{index}?mode=ro", uri=True) as db:
        for line in db.iterdump():
            found.update(line.encode())
    db.close()
    counts = {name: count for name, count in report.items() if name != "seconds"}
    return json.dumps(counts) + found.hexdigest()
