"""The index file: SQLite with an FTS5 table of terms beside the pages.

It is written under another name and then renamed: a reader sees the old index or the new one.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event, insert, text
from sqlalchemy.orm import Session

from app.models.index import Base, IndexedDocument, ServiceSummary

BATCH = 2000

# The terms come from app.search.text, so the tokenizer only splits at spaces; contentless, because
# the text is in `document` already.
_CREATE_TERMS = "CREATE VIRTUAL TABLE terms USING fts5(name, body, content='', tokenize='ascii')"
_INSERT_TERMS = text("INSERT INTO terms(rowid, name, body) VALUES (:id, :name_terms, :body_terms)")

Row = dict[str, Any]


def write_index(path: Path, rows: Iterable[Row], summary: list[Row]) -> int:
    """Writes a whole index in place of the one at `path`; returns its size in bytes.

    A row has the columns of IndexedDocument, and `name_terms` and `body_terms`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)

    engine = create_engine(f"sqlite:///{unfinished}")
    event.listen(engine, "connect", _no_journal)
    Base.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.execute(text(_CREATE_TERMS))
        for batch in _batches(rows):
            session.execute(insert(IndexedDocument), batch)
            session.execute(_INSERT_TERMS, batch)
        if summary:
            session.execute(insert(ServiceSummary), summary)
        session.execute(text("INSERT INTO terms(terms) VALUES ('optimize')"))
    engine.dispose()

    _sync(unfinished)
    unfinished.replace(path)
    return path.stat().st_size


def _no_journal(connection: Any, _record: Any) -> None:
    """Nothing is lost without a journal: a file that was not finished is thrown away."""
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
