"""Measures the search indexer twice: as the daemon that it was, and as a job of ebb.

Run it with the system's python3 (3.11 or newer). It needs nothing but the standard library, and
makes a venv for the indexer. It ends with 0 if everything held that it says, else with 1; with 2
for a wrong command line.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit("demo.py: Python 3.11 or newer is needed; this is " + sys.version.split()[0])

import argparse
import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness.checks import Checks  # noqa: E402
from harness.resident import RUNS, Resident  # noqa: E402
from harness.results import Results  # noqa: E402

from lib import jobfile, venv  # noqa: E402
from lib.children import Children, clean_environment  # noqa: E402
from lib.progress import Progress  # noqa: E402
from lib.supervised import JOB, Daemon  # noqa: E402
from lib.units import mib  # noqa: E402
from lib.workplace import program, run  # noqa: E402

DEFAULT_WORK = HERE.parent.parent / ".work/demo"
QUERY = "rotate a secret automatically"


class Demo:
    """One run of the demo, step by step."""

    def __init__(self, options: argparse.Namespace, runtime: Path, children: Children) -> None:
        self.options = options
        self.work: Path = options.work
        self.runtime = runtime
        self.children = children
        self.progress = Progress(6)
        self.checks = Checks()

    def run(self) -> bool:
        """True if everything held."""
        python = venv.ensure(
            self.work / "venv", HERE / "requirements.txt", self.children, self.progress
        )
        index = self.work / "index"
        jobs = self.work / "jobs"
        # What answers the search at the end is of this run, not of an earlier one.
        shutil.rmtree(index, ignore_errors=True)
        job = jobfile.write_copy(
            HERE / "indexer.toml", jobs / f"{JOB}.toml", self.work / "venv", index
        )

        self.progress.step(
            f"resident.py, the daemon that ebb replaces: imports and {RUNS} runs ..."
        )
        command = [*job.command, "--index", str(index / "resident.db")]
        command[1] = str(HERE / "resident.py")
        daemon = Resident(
            command, job.environment, self.work / "resident.log", self.children, self.progress
        )
        measured = daemon.measure()
        pages, size = measured.reports[-1]["documents"], measured.reports[-1]["text_bytes"]
        self.progress.line(f"each run indexed {pages:,} pages, {size / 1e6:.0f} MB of text")

        self.progress.step("starting ebbd, with the one job")
        ebbd = self._start_ebbd(jobs)
        before = ebbd.at_rest()
        self.progress.line(f"at rest: {mib(before.rss)} MiB")

        self.progress.step(f"the same indexing as a job of ebbd, limited to {job.memory_max} ...")
        run = ebbd.run_job()
        after = ebbd.at_rest()
        left_at_once = ebbd.left_of(run)

        self.progress.step(f"searching the new index for: {QUERY}")
        answer = self._search(python, index / "index.db")

        self.progress.step("ending ebbd and looking for what is left")
        exit_code, left_at_last = ebbd.stop(run)

        results = Results(job, measured, before, after, run, left_at_once)
        figures = self.work / "demo.json"
        figures.write_text(json.dumps(results.as_json(self.progress.elapsed()), indent=2) + "\n")
        print(f"\n{results.table()}\n")
        self.checks.measured(results)
        self.checks.expect(answer, "the index that the job wrote answers a search")
        self.checks.nothing_left(left_at_once, "while ebbd is at rest")
        self.checks.nothing_left(left_at_last, "once ebbd has ended")
        self.checks.expect(exit_code == 0, "ebbd ended with 0 on SIGTERM", f"with {exit_code}")
        print(f"\n{self.progress.elapsed():.0f} s in all. The figures are in {figures}")
        return self.checks.failed == 0

    def _start_ebbd(self, jobs: Path) -> Daemon:
        state = self.work / "state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir(mode=0o700)
        folders = {
            "jobs": jobs,
            "state": state,
            # Not below the work directory: the path of a socket may have 107 bytes, no more.
            "socket": self.runtime / "ebb.sock",
            "log": self.work / "ebbd.log",
        }
        return Daemon(self.options.ebbd, self.options.ebb, folders, self.children, self.progress)

    def _search(self, python: Path, index: Path) -> bool:
        """Shows the first results; whether there were any."""
        search = self.children.start(
            [python, HERE / "search.py", "--index", index, "--limit", "3", QUERY],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean_environment({}),
        )
        output, _ = search.communicate()
        for line in output.splitlines():
            self.progress.line(line)
        return search.returncode == 0


def main() -> int:
    options = _options()

    def demo(runtime: Path, children: Children) -> bool:
        venv.check_python()
        return Demo(options, runtime, children).run()

    return run(options.work, demo)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ebbd", type=program, required=True, metavar="PATH")
    parser.add_argument("--ebb", type=program, required=True, metavar="PATH")
    parser.add_argument(
        "--work",
        type=lambda text: Path(text).absolute(),
        default=DEFAULT_WORK,
        metavar="DIR",
        help="where the venv, the index and the figures go (default: .work/demo in the repository)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
