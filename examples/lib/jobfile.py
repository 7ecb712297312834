"""A demo's own copy of indexer.toml: the same job with the paths of this checkout."""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from lib.errors import DemoError

# As indexer.toml has them; the longer one stands first, because the other is its beginning.
INSTALLED_VENV = "/opt/search-indexer/venv"
INSTALLED_APP = "/opt/search-indexer"
INSTALLED_DATA = "/var/lib/search-indexer"


@dataclass(frozen=True, slots=True)
class Job:
    """What the demo needs to know of the job that it has written."""

    command: list[str]
    environment: dict[str, str]
    memory_max: str
    runs_a_day: int


def write_copy(
    original: Path, copy: Path, venv: Path, data: Path, services: int | None = None
) -> Job:
    """Writes the copy and reads it back; `services` is another size of what is indexed."""
    text = original.read_text()
    if services is not None:
        text, found = re.subn(r'("--services",\s*)"\d+"', rf'\g<1>"{services}"', text)
        if found != 1:
            raise DemoError(f"{original}: expected one --services with its number")
    places = [(INSTALLED_VENV, venv), (INSTALLED_APP, original.parent), (INSTALLED_DATA, data)]
    for installed, here in places:
        if f'"{installed}' not in text:
            raise DemoError(f"{original}: expected a path that begins with {installed}")
        text = text.replace(f'"{installed}', f'"{_escaped(here)}')
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(text)
    # ebbd takes no job from a file that others may write.
    copy.parent.chmod(0o755)
    copy.chmod(0o644)

    job = tomllib.loads(text)
    return Job(
        command=job["command"],
        environment=job.get("environment", {}),
        memory_max=job["memory"]["max"],
        runs_a_day=_runs_a_day(job["schedule"]),
    )


def _escaped(path: Path) -> str:
    """The path as it stands in a TOML string, whose escapes are those of JSON."""
    return json.dumps(str(path), ensure_ascii=False)[1:-1]


def _runs_a_day(schedule: str) -> int:
    """Enough for the schedule that indexer.toml has: one minute, every N hours, every day."""
    minute, hour, *days = schedule.split()
    if not hour.startswith("*/") or minute == "*" or days != ["*", "*", "*"]:
        raise DemoError(f"indexer.toml: the demo can't tell how often {schedule!r} comes a day")
    return len(range(0, 24, int(hour.removeprefix("*/"))))
