"""A run as the app wants it: the index on disk, everybody told. The job and the daemon share it."""

import argparse
from collections.abc import Callable
from pathlib import Path

from app.models.run import RunReport
from app.search.corpus import DATA, Corpus
from app.search.indexer import Indexer
from app.services import notify, records, storage


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What both are told on the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--index", type=Path, required=True, help="the index file to write")
    parser.add_argument(
        "--corpus",
        type=Path,
        default=DATA,
        metavar="DIR",
        help="API models, SERVICE/VERSION/service-2.json[.gz] (default: those of botocore)",
    )
    parser.add_argument(
        "--services",
        type=int,
        metavar="N",
        help="index no more than the N largest services (default: all)",
    )
    return parser


def indexer_for(options: argparse.Namespace, log: Callable[[str], None]) -> Indexer:
    """An indexer as the command line wants it."""
    return Indexer(Corpus(options.corpus, options.services), options.index, log)


def reindex(indexer: Indexer) -> RunReport:
    """Runs the indexer, then copies, records and announces the index where the settings say so."""
    report = indexer.run()
    storage.upload(indexer.index)
    records.record(report)
    notify.announce(report)
    return report
