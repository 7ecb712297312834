"""What the runs come to: the table for people, the file for programs."""

import os
import platform
import shutil
import textwrap
from dataclasses import dataclass
from datetime import date
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from lib.table import render
from lib.units import mib

from harness.claims import NOISE, TOLERANCE, Kind, Sides, Verdict, effect, verdict
from harness.sides import Facts
from harness.techniques import Row, Technique

HEADS = ("the article", "before", "after", "ratio", "holds")
WIDTH = 80
"""At most; a narrow terminal has its own."""
SHOWN = ("boto3", "diskcache", "flask", "granian", "gunicorn", "pandas", "quart", "sqlalchemy")
"""Whose versions are named below the table."""


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one pair."""

    technique: Technique
    before: list[Facts]
    after: list[Facts]

    def same_answers(self) -> bool:
        """Whether every run of either side has answered the same, and something."""
        facts = [*self.before, *self.after]
        return len({one.answer for one in facts}) == 1 and all(one.answered > 0 for one in facts)

    def sides(self, figure: str) -> Sides:
        """Medians of one figure."""
        values = [[one.figures[figure] for one in facts] for facts in (self.before, self.after)]
        return Sides.of(*values)


def table(results: list[Result], runs: int) -> str:
    """The one table, and below it why a claim does not hold."""
    rows = [(result, row) for result in results for row in result.technique.rows]
    cells = [_cells(result, row) for result, row in rows]
    reasons = [
        f"{row.label}: {verdict(row.claim, result.sides(row.figure)).value}, since"
        f" {row.claim.otherwise}."
        for result, row in rows
        if verdict(row.claim, result.sides(row.figure)) is not Verdict.HOLDS
    ]
    legend = (
        "Memory in MiB: `at rest` is the PSS of all processes once they sleep, `peak` is peak-anon"
        f" of `ebb measure`. Medians of {runs}. A claim holds if what"
        f" was measured reaches it up to {TOLERANCE:.0%}; a change below {NOISE:.0%} is none."
    )
    return "\n".join(
        [render(HEADS, cells), "", *(_wrapped(line) for line in [*reasons, legend])],
    )


def note(venv: Path) -> str:
    """Machine, date, versions; nothing that tells whose machine it is."""
    found = _versions(venv)
    versions = ", ".join(f"{name} {found[name]}" for name in SHOWN if name in found)
    host = f"{os.cpu_count()} CPUs, Linux {_kernel()}, {platform.machine()}"
    python = f"Python {platform.python_version()}"
    return _wrapped(f"{date.today().isoformat()}: {host}; {python}, {versions}.")


def as_json(results: list[Result], runs: int, venv: Path, seconds: float) -> dict[str, Any]:
    return {
        "date": date.today().isoformat(),
        "host": {"cpus": os.cpu_count(), "kernel": _kernel(), "arch": platform.machine()},
        "versions": {"python": platform.python_version(), **_versions(venv)},
        "runs": runs,
        "elapsed_seconds": round(seconds, 1),
        "techniques": [_technique(result) for result in results],
    }


def _technique(result: Result) -> dict[str, Any]:
    return {
        "name": result.technique.name,
        "same_answers": result.same_answers(),
        "answered": result.before[0].answered,
        "before": [one.figures for one in result.before],
        "after": [one.figures for one in result.after],
        "rows": [_row(result, row) for row in result.technique.rows],
    }


def _row(result: Result, row: Row) -> dict[str, Any]:
    found, claim = result.sides(row.figure), row.claim
    return {
        "label": row.label,
        "figure": row.figure,
        "article": claim.article,
        "before": found.before,
        "after": found.after,
        "ratio": round(found.ratio(claim.kind), 3),
        "claimed": {"kind": claim.kind.value, "value": claim.figure},
        "measured": effect(claim.kind, found),
        "verdict": verdict(claim, found).value,
    }


def _cells(result: Result, row: Row) -> tuple[str, ...]:
    found, claim = result.sides(row.figure), row.claim
    shown = _rate if claim.kind is Kind.FASTER else _size
    ratio = f"{found.ratio(claim.kind):.1f}"
    said = verdict(claim, found).value
    return (row.label, claim.article, shown(found.before), shown(found.after), ratio, said)


def _size(size: float) -> str:
    return mib(int(size))


def _rate(rate: float) -> str:
    return f"{rate:.0f}/s"


def _kernel() -> str:
    """Without what tells whose build it is."""
    return ".".join(platform.release().split(".")[:2])


def _versions(venv: Path) -> dict[str, str]:
    folders = [str(folder) for folder in venv.glob("lib/python*/site-packages")]
    found = {one.metadata["Name"].lower(): one.version for one in distributions(path=folders)}
    return dict(sorted(found.items()))


def _wrapped(text: str) -> str:
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns)
    return textwrap.fill(text, width, break_on_hyphens=False)
