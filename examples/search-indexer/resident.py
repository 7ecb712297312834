"""The daemon that the job replaces: the same indexing, in a loop, in one long-lived process.

It runs every `--interval` seconds, and at once on SIGUSR1. Each line of its standard output is an
event in JSON: `ready` once its imports are done, `run` after each run. Progress goes to standard
error.
"""

import signal
import sys

# Before the imports: a thread that a library starts must not take SIGUSR1 either, see main().
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

import json  # noqa: E402

from app.reindex import arguments, indexer_for, reindex  # noqa: E402

FOUR_HOURS = 4 * 3600


def emit(event: str, **facts: object) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--interval", type=int, default=FOUR_HOURS, metavar="SECONDS")
    options = parser.parse_args()

    indexer = indexer_for(options, log)
    emit("ready")
    runs = 0
    while True:
        signal.sigtimedwait({signal.SIGUSR1}, options.interval)
        report = reindex(indexer)
        runs += 1
        emit("run", number=runs, report=report.model_dump())


if __name__ == "__main__":
    main()
