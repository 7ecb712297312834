"""Searches the index: search.py [--index FILE] [--limit N] [--json] QUERY"""

import argparse
import dataclasses
import json
import os
import sqlite3
import sys
import textwrap
from pathlib import Path

from app.search.query import Hit, search

HERE = Path(__file__).resolve().parent
DEFAULT_INDEX = HERE.parent.parent / ".work/demo/index/index.db"


def main() -> int:
    parser = argparse.ArgumentParser(description="Search the API documentation.")
    parser.add_argument("query", nargs="+")
    parser.add_argument(
        "--index",
        type=Path,
        default=Path(os.environ.get("SEARCH_INDEX", DEFAULT_INDEX)),
        help="default: $SEARCH_INDEX, else the demo's index",
    )
    parser.add_argument("--limit", type=int, default=5, metavar="N")
    parser.add_argument("--json", action="store_true", help="a JSON array, for programs")
    options = parser.parse_args()

    on_terminal = sys.stdout.isatty() and not options.json
    marks = ("\x1b[1m", "\x1b[0m") if on_terminal else ("[", "]")
    try:
        hits = search(options.index, " ".join(options.query), options.limit, marks)
    except sqlite3.Error as error:
        print(f"search.py: can't search {options.index}: {error}", file=sys.stderr)
        print(
            "Has the indexer run? `make demo` makes an index; --index names another.",
            file=sys.stderr,
        )
        return 66
    if options.json:
        print(json.dumps([dataclasses.asdict(hit) for hit in hits], indent=2))
    elif hits:
        print("\n".join(_shown(hit) for hit in hits))
    else:
        print("nothing found", file=sys.stderr)
    return 0 if hits else 1


def _shown(hit: Hit) -> str:
    passage = textwrap.fill(hit.snippet, 96, initial_indent="       ", subsequent_indent="       ")
    return f"{hit.score:6.2f} {hit.key}  ({hit.keywords})\n{passage}"


if __name__ == "__main__":
    sys.exit(main())
