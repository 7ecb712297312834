"""One indexing run, then the process ends: the job that ebb starts.

The last line of its output is JSON: what was done, and how much of the time went into starting up.
"""

import json

from app.process_age import process_age
from app.reindex import arguments, indexer_for, reindex


def main() -> None:
    startup_seconds = process_age()
    options = arguments(__doc__).parse_args()
    print(f"started, imports done after {startup_seconds:.2f} s", flush=True)

    report = reindex(indexer_for(options, lambda line: print(line, flush=True)))

    wall_seconds = process_age()
    outcome = {
        "startup_seconds": round(startup_seconds, 2),
        "wall_seconds": round(wall_seconds, 2),
        "startup_share": round(startup_seconds / wall_seconds, 4),
        "report": report.model_dump(),
    }
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
