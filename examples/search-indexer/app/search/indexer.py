"""One indexing run, and what is worth keeping between two of them.

A run always reads the whole corpus and writes a whole index. What a page's text was made into is
kept, and used again while the page is unchanged: it saves a process that lives for one run nothing,
a daemon nearly half of the time of each further run.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

from app.models.document import ApiDocument
from app.models.run import RunReport
from app.search.corpus import Corpus, read_documents
from app.search.index import Row, write_index
from app.search.summary import summarise, write_page
from app.search.text import Analyser

KEYWORDS = 6


@dataclass(slots=True)
class Analysis:
    """What the text of one page was made into."""

    name_terms: list[str]
    body_terms: list[str]
    counts: Counter[str]


class Indexer:
    """Keeps pages, their analyses and the term statistics from run to run."""

    def __init__(self, corpus: Corpus, index: Path, log: Callable[[str], None]) -> None:
        self._corpus = corpus
        self.index = index
        self._log = log
        self._analyser = Analyser()
        self._pages: dict[str, ApiDocument] = {}
        self._analyses: dict[str, Analysis] = {}
        self._pages_with: Counter[str] = Counter()
        """In how many pages each term occurs."""

    def run(self) -> RunReport:
        """Brings everything up to date with the corpus and writes the index anew."""
        clock = _Stopwatch()
        found = {page.key: page for page in read_documents(self._corpus)}
        clock.lap("read")
        self._log(f"read {len(found)} pages")

        removed = [key for key in self._pages if key not in found]
        for key in removed:
            self._forget(key)
        added = changed = 0
        for key, page in found.items():
            known = self._pages.get(key)
            if known is None:
                added += 1
            elif known != page:
                changed += 1
                self._forget(key)
            else:
                continue
            self._learn(page)
        clock.lap("analyse")
        self._log(f"analysed: {added} new, {changed} changed, {len(removed)} gone")

        summary = summarise((page, self._words_of(key)) for key, page in self._pages.items())
        index_bytes = write_index(self.index, self._rows(), summary.to_dict("records"))
        write_page(self.index.with_suffix(".html"), summary)
        clock.lap("write")
        self._log(f"wrote {self.index}")

        return RunReport(
            documents=len(self._pages),
            added=added,
            changed=changed,
            removed=len(removed),
            words=int(summary["words"].sum()),
            text_bytes=sum(len(page.text.encode()) for page in self._pages.values()),
            index_bytes=index_bytes,
            seconds=clock.laps,
        )

    def _learn(self, page: ApiDocument) -> None:
        name_terms = self._analyser.identifier_terms(page.name)
        body_terms = self._analyser.terms(page.text)
        counts = Counter(body_terms)
        self._pages[page.key] = page
        self._analyses[page.key] = Analysis(name_terms, body_terms, counts)
        self._pages_with.update(counts.keys())

    def _forget(self, key: str) -> None:
        del self._pages[key]
        self._pages_with.subtract(self._analyses.pop(key).counts.keys())

    def _words_of(self, key: str) -> int:
        return len(self._analyses[key].body_terms)

    def _rows(self) -> Iterator[Row]:
        pages = len(self._pages)
        rarity = {term: math.log(pages / n) for term, n in self._pages_with.items() if n}
        words = self._analyser.readable()
        for number, (key, page) in enumerate(self._pages.items(), start=1):
            analysis = self._analyses[key]
            yield {
                "id": number,
                "key": key,
                "service": page.service,
                "kind": page.kind.value,
                "name": page.name,
                "text": page.text,
                "keywords": ", ".join(words[term] for term in _telling(analysis.counts, rarity)),
                "name_terms": " ".join(analysis.name_terms),
                "body_terms": " ".join(analysis.body_terms),
            }


def _telling(counts: Counter[str], rarity: dict[str, float]) -> list[str]:
    """The terms that tell a page from the others (tf-idf)."""
    weights = {term: (1 + math.log(n)) * rarity[term] for term, n in counts.items()}
    return nlargest(KEYWORDS, weights, key=weights.__getitem__)


class _Stopwatch:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name] = round(now - self._last, 3)
        self._last = now
