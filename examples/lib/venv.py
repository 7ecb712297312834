"""The venv of the indexer: made once, used again while requirements.txt and Python are the same."""

import hashlib
import importlib
import importlib.util
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from lib.children import Children
from lib.errors import DemoError
from lib.progress import Progress

STAMP = "made-from"


def check_python() -> None:
    """The index needs FTS5, which is part of SQLite as every distribution builds it."""
    try:
        sqlite3.connect(":memory:").execute("CREATE VIRTUAL TABLE t USING fts5(x)")
    except sqlite3.Error as error:
        raise DemoError(f"{sys.executable}: its SQLite has no FTS5 ({error})") from error


def ensure(folder: Path, requirements: Path, children: Children, progress: Progress) -> Path:
    """Makes the venv if need be; returns its python."""
    python = folder / "bin/python"
    stamp = folder / STAMP
    wanted = _fingerprint(requirements)
    direct, total = _count(requirements)
    if stamp.is_file() and stamp.read_text() == wanted and python.exists():
        progress.step(f"using the venv of {direct} libraries again (requirements.txt is the same)")
        return python

    progress.step(f"installing {direct} libraries into a venv (first time about a minute) ...")
    _ensure_venv_module(children, progress)
    if folder.exists():
        shutil.rmtree(folder)
    progress.line(f"making {folder}")
    _run([sys.executable, "-m", "venv", folder], children, progress, total)
    install: list[str | Path] = [
        python,
        "-m",
        "pip",
        "install",
        "--only-binary",
        ":all:",
        "--no-input",
    ]
    quiet = ["--progress-bar", "off", "--disable-pip-version-check"]
    _run([*install, *quiet, "--requirement", requirements], children, progress, total)
    stamp.write_text(wanted)
    return python


def _fingerprint(requirements: Path) -> str:
    parts = [requirements.read_bytes(), sys.version.encode(), sys.base_prefix.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _count(requirements: Path) -> tuple[int, int]:
    """How many libraries the app names itself (the file's first block), and how many in all."""
    blocks = [
        sum(1 for line in block.splitlines() if line and not line.startswith("#"))
        for block in requirements.read_text().split("\n\n")
    ]
    return blocks[0], sum(blocks)


def _run(command: Sequence[str | Path], children: Children, progress: Progress, total: int) -> None:
    """Runs a step of the installation and shows how far it is."""
    child = children.start(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    last_lines: deque[str] = deque(maxlen=15)
    collected = 0
    for line in child.stdout or ():
        last_lines.append(line.rstrip())
        if line.startswith("Collecting "):
            collected += 1
            progress.beat(f"{collected} of {total}: {line.split()[1]}")
        elif line.startswith("Installing collected packages"):
            progress.line(f"{total} fetched, unpacking them (this takes a while)")
    if child.wait() != 0:
        shown = "\n".join(last_lines)
        what = " ".join(str(part) for part in command)
        raise DemoError(f"{what}\nended with {child.returncode}; its last lines were:\n{shown}")


def _ensure_venv_module(children: Children, progress: Progress) -> None:
    """Debian's python3 comes without what makes a venv; that is in a package of its own."""
    if _has_venv_module():
        return
    is_system_python = sys.base_prefix == "/usr"
    if is_system_python and os.geteuid() == 0 and shutil.which("apt-get"):
        progress.line("this python3 can't make a venv yet: installing the package python3-venv")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        _run(["apt-get", "update", "-q"], children, progress, 0)
        install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", "python3-venv"]
        _run(install, children, progress, 0)
        importlib.invalidate_caches()
    if not _has_venv_module():
        raise DemoError(
            f"{sys.executable} can't make a venv: the modules venv and ensurepip are missing.\n"
            "On Debian and Ubuntu: apt-get install python3-venv (as root), then start again."
        )


def _has_venv_module() -> bool:
    return all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
