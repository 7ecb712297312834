"""Measures the five techniques of the article, before and after, beside the article's figures.

Run it with the system's python3 (3.11 or newer). It needs nothing but the standard library, and
makes a venv for the programs. It ends with 0 if both sides of every pair gave the same answers,
whatever became of the claims; else with 1; with 2 for a wrong command line.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("diet.py: Python 3.11 or newer is needed; this is " + sys.version.split()[0])

import argparse
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import catalogue  # noqa: E402
from harness import report, techniques  # noqa: E402
from harness.sides import FULL, SMALL, Bench, Facts  # noqa: E402
from harness.techniques import Technique  # noqa: E402
from lib import venv  # noqa: E402
from lib.children import Children  # noqa: E402
from lib.progress import Progress  # noqa: E402
from lib.units import mib  # noqa: E402
from lib.workplace import program, run  # noqa: E402

DEFAULT_WORK = HERE.parent.parent / ".work/diet"
RUNS = 3


def measure(options: argparse.Namespace, runtime: Path, children: Children) -> bool:
    """True if before and after have given the same answers everywhere."""
    chosen = [one for one in techniques.ALL if not options.only or one.name in options.only]
    progress = Progress(1 if options.prepare else 2 + len(chosen))
    work: Path = options.work
    folder = options.venv or work / "venv"
    if options.venv:
        progress.step(f"using the venv in {folder} as it is")
    else:
        venv.ensure(folder, HERE / "requirements.txt", children, progress)
    if options.prepare:
        return True
    size = SMALL if options.small else FULL
    rows = size.shows * EPISODES
    progress.step(f"making the catalogue that the programs read, {rows:,} episodes ...")
    database = work / "catalogue.db"
    catalogue.write(database, catalogue.Catalogue(size.shows, EPISODES, size.transcripts))

    bench = Bench(
        options.ebb, options.ebbd, folder, database, work, runtime, size, children, progress
    )
    results = [_run(one, bench, options.runs) for one in chosen]
    print(f"\n{report.table(results, options.runs)}\n\n{report.note(folder)}\n")
    if options.small:
        print("With --small only the answers mean something: the figures are of a few rows.\n")
    if options.json:
        figures = report.as_json(results, options.runs, folder, progress.elapsed())
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    same = True
    for result in results:
        holds = result.same_answers()
        same &= holds
        count = result.before[0].answered
        said = f"{result.technique.name}: {count:,} answers, the same before and after"
        print(f"ok      {said}" if holds else f"FAILED  {said}", flush=True)
    print(f"\n{progress.elapsed():.0f} s in all")
    return same


def _run(technique: Technique, bench: Bench, runs: int) -> report.Result:
    """Both sides in turn, so that what else the machine does meets both alike."""
    bench.progress.step(technique.rows[0].label.rpartition(",")[0] + " ...")
    before: list[Facts] = []
    after: list[Facts] = []
    figure = technique.rows[0].figure
    for number in range(1, runs + 1):
        before.append(technique.before(bench))
        after.append(technique.after(bench))
        pair = " -> ".join(mib(int(side[-1].figures[figure])) for side in (before, after))
        bench.progress.line(f"run {number} of {runs}: {pair} MiB")
    return report.Result(technique, before, after)


EPISODES = 150
"""Of each show."""


def main() -> int:
    options = _options()

    def demo(runtime: Path, children: Children) -> bool:
        venv.check_python()
        return measure(options, runtime, children)

    return run(options.work, demo)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ebbd", type=program, metavar="PATH")
    parser.add_argument("--ebb", type=program, metavar="PATH")
    parser.add_argument(
        "--runs", type=_positive, default=RUNS, metavar="N", help=f"of each side (default: {RUNS})"
    )
    names = [one.name for one in techniques.ALL]
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"{', '.join(names)}"
    )
    parser.add_argument(
        "--small", action="store_true", help="a few rows: the same answers, no fair figures"
    )
    parser.add_argument("--prepare", action="store_true", help="make the venv and end")
    parser.add_argument("--json", type=_new_file, metavar="FILE", help="all figures, for programs")
    parser.add_argument(
        "--venv", type=_absolute, metavar="DIR", help="one that has all libraries, used as it is"
    )
    parser.add_argument(
        "--work",
        type=_absolute,
        default=DEFAULT_WORK,
        metavar="DIR",
        help="where the venv and the data go (default: .work/diet in the repository)",
    )
    options = parser.parse_args()
    if not options.prepare and not (options.ebb and options.ebbd):
        parser.error(
            "--ebb and --ebbd name the programs to measure with; only --prepare needs none"
        )
    return options


def _absolute(text: str) -> Path:
    return Path(text).absolute()


def _new_file(text: str) -> Path:
    """Known before minutes are spent on what is to be written there."""
    path = Path(text).absolute()
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"can't write {text}: name a file in a folder of yours")
    return path


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number of runs; write 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
