"""Answers a query from the index file. It needs no more than SQLite and the analyser."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from app.search.snippet import snippet
from app.search.text import Analyser, normalise

# A term in the name of a page counts for ten in its body.
_SEARCH = """
    SELECT d.key, d.keywords, d.text, -bm25(terms, 10.0, 1.0) AS score
    FROM terms JOIN document AS d ON d.id = terms.rowid
    WHERE terms MATCH ? ORDER BY score DESC, d.id LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """One page that answers a query."""

    key: str
    score: float
    keywords: str
    snippet: str


def search(index: Path, query: str, limit: int, marks: tuple[str, str]) -> list[Hit]:
    """The best pages for a query: those with all of its words, else those with any.

    Raises sqlite3.Error if the file is not an index.
    """
    analyser = Analyser()
    terms = analyser.terms(normalise(query))
    if not terms:
        return []
    connection = sqlite3.connect(f"{index.absolute().as_uri()}?mode=ro", uri=True)
    try:
        for operator in (" AND ", " OR "):
            # A term holds letters and digits only, so the quotes can't be broken out of.
            match = operator.join(f'"{term}"' for term in terms)
            rows = connection.execute(_SEARCH, (match, limit)).fetchall()
            if rows:
                break
    finally:
        connection.close()
    wanted = frozenset(terms)
    return [
        Hit(key, round(score, 2), keywords, snippet(text, wanted, analyser, marks))
        for key, keywords, text, score in rows
    ]
