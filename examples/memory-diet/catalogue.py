"""Makes the SQLite file that the programs read: shows, their episodes, tags, and transcripts.

`catalogue.py FILE [--shows N] [--episodes N] [--transcripts N]`: the same numbers make the same
rows.
"""

import argparse
import random
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

SEED = 20260401
FIRST_DAY = date(2015, 3, 2)
LINES = 440
"""Lines of a transcript: an hour of talk."""
WORDS = """
async batch branch buffer build cache call class client cloud code column container core count data
debug deploy design disk docker edge engine error event field file flow frame function garbage graph
guest heap host import index job kernel key language latency library limit line list load lock loop
memory message metric model module network object open order package page parse path pattern
pipeline plan port process query queue random read record release request response result row run
scale schema script search server service session show signal socket source stack state storage
stream string struct system table task test thread time token tool trace tree type update user value
version view wait web worker write
""".split()
TAGS = """
async data databases devops django flask packaging performance security testing web
""".split()
SCHEMA = """
CREATE TABLE show (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, host TEXT NOT NULL, about TEXT NOT NULL
);
CREATE TABLE episode (
    id INTEGER PRIMARY KEY,
    show_id INTEGER NOT NULL REFERENCES show (id), number INTEGER NOT NULL,
    title TEXT NOT NULL, published TEXT NOT NULL, seconds INTEGER NOT NULL, summary TEXT NOT NULL
);
CREATE TABLE tag (
    episode_id INTEGER NOT NULL REFERENCES episode (id), name TEXT NOT NULL,
    PRIMARY KEY (episode_id, name)
) WITHOUT ROWID;
CREATE TABLE line (
    episode_id INTEGER NOT NULL REFERENCES episode (id), at_seconds INTEGER NOT NULL,
    speaker TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (episode_id, at_seconds)
) WITHOUT ROWID;
CREATE INDEX episode_show ON episode (show_id, number);
"""


class Catalogue:
    """Rows from a seed, in the order in which the tables want them."""

    def __init__(self, shows: int, episodes: int, transcripts: int) -> None:
        self.shows = shows
        self.episodes = episodes
        self.transcripts = transcripts
        self._random = random.Random(SEED)

    def _say(self, least: int, most: int) -> str:
        return " ".join(self._random.choices(WORDS, k=self._random.randint(least, most)))

    def show_rows(self) -> Iterator[tuple[int, str, str, str]]:
        for show in range(1, self.shows + 1):
            yield show, self._say(2, 4).title(), self._say(2, 2).title(), self._say(30, 60)

    def episode_rows(self) -> Iterator[tuple[int, int, int, str, str, int, str]]:
        """Every show has as many, one a week."""
        for at in range(self.shows * self.episodes):
            show, number = at // self.episodes + 1, at % self.episodes + 1
            day = FIRST_DAY + timedelta(weeks=number, days=show % 7)
            seconds = self._random.randint(1200, 5400)
            title, summary = self._say(3, 7).capitalize(), self._say(15, 40)
            yield at + 1, show, number, title, day.isoformat(), seconds, summary

    def tag_rows(self) -> Iterator[tuple[int, str]]:
        for episode in range(1, self.shows * self.episodes + 1):
            for name in sorted(self._random.sample(TAGS, 3)):
                yield episode, name

    def line_rows(self) -> Iterator[tuple[int, int, str, str]]:
        """The first episodes have been transcribed."""
        for episode in range(1, self.transcripts + 1):
            for at in range(LINES):
                speaker = ("Host", "Guest")[at % 2]
                yield episode, at * 8, speaker, self._say(6, 16).capitalize() + "."


def write(file: Path, catalogue: Catalogue) -> None:
    """Writes the file anew; it is there whole or not at all."""
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with sqlite3.connect(unfinished) as db:
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO show VALUES (?, ?, ?, ?)", catalogue.show_rows())
        db.executemany("INSERT INTO episode VALUES (?, ?, ?, ?, ?, ?, ?)", catalogue.episode_rows())
        db.executemany("INSERT INTO tag VALUES (?, ?)", catalogue.tag_rows())
        db.executemany("INSERT INTO line VALUES (?, ?, ?, ?)", catalogue.line_rows())
    db.close()
    unfinished.replace(file)


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the SQLite file of shows and episodes.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--shows", type=int, default=200, metavar="N")
    parser.add_argument("--episodes", type=int, default=150, metavar="N", help="of each show")
    parser.add_argument("--transcripts", type=int, default=900, metavar="N")
    options = parser.parse_args()
    if options.transcripts > options.shows * options.episodes:
        parser.error("there are more transcripts than episodes")
    write(options.file, Catalogue(options.shows, options.episodes, options.transcripts))


if __name__ == "__main__":
    main()
