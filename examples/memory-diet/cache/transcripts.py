"""Transcripts as HTML, and a log of who asked for which; the cache is the caller's."""

import hashlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from jinja2 import Template

SEED = 7
ROUNDS = 3
"""How often each transcript is asked for, on average."""
PAGE = Template(
    """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title></head>
<body>
<h1>{{ title }}</h1>
{%- for at_seconds, speaker, text in lines %}
<p id="t{{ at_seconds }}"><b>{{ speaker }}</b>, minute {{ at_seconds // 60 }}: {{ text }}</p>
{%- endfor %}
</body>
</html>""",
    autoescape=True,
)


class Transcripts:
    """Renders a page from its rows each time that it is asked to: the first lines, or all."""

    def __init__(self, catalogue: Path, lines: int) -> None:
        self._db = sqlite3.connect(f"file:{catalogue}?mode=ro", uri=True)
        self._lines = lines

    def requests(self) -> Iterator[int]:
        """The episodes that visitors ask for, in a fixed order."""
        query = "SELECT DISTINCT episode_id FROM line ORDER BY episode_id"
        transcribed = [episode for (episode,) in self._db.execute(query)]
        yield from random.Random(SEED).choices(transcribed, k=ROUNDS * len(transcribed))

    def page(self, episode: int) -> str:
        query = "SELECT title FROM episode WHERE id = ?"
        (title,) = self._db.execute(query, [episode]).fetchone()
        query = (
            "SELECT at_seconds, speaker, text FROM line"
            " WHERE episode_id = ? ORDER BY at_seconds LIMIT ?"
        )
        return PAGE.render(title=title, lines=self._db.execute(query, [episode, self._lines]))


def answer(requests: Iterator[int], page: Callable[[int], str]) -> str:
    """Answers all requests; the fingerprint of all that was sent."""
    sent = hashlib.sha256()
    for episode in requests:
        sent.update(page(episode).encode())
    return sent.hexdigest()
