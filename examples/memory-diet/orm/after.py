"""The same API over raw queries and slotted dataclasses."""

import os
import sqlite3
import threading
from dataclasses import dataclass

from flask import Flask, Response, abort, jsonify

app = Flask(__name__)
here = threading.local()


@dataclass(slots=True)
class Show:
    id: int
    title: str
    host: str


@dataclass(slots=True)
class Episode:
    id: int
    show_id: int
    number: int
    title: str
    published: str
    seconds: int
    summary: str


def database() -> sqlite3.Connection:
    """The connection of this thread."""
    if not hasattr(here, "db"):
        here.db = sqlite3.connect(os.environ["CATALOGUE"])
    return here.db


def episodes_of(show_id: int) -> list[Episode]:
    rows = database().execute(
        "SELECT id, show_id, number, title, published, seconds, summary FROM episode"
        " WHERE show_id = ? ORDER BY number",
        [show_id],
    )
    return [Episode(*row) for row in rows]


def tags_of(show_id: int) -> dict[int, list[str]]:
    rows = database().execute(
        "SELECT episode_id, name FROM tag JOIN episode ON id = episode_id"
        " WHERE show_id = ? ORDER BY name",
        [show_id],
    )
    tags: dict[int, list[str]] = {}
    for episode_id, name in rows:
        tags.setdefault(episode_id, []).append(name)
    return tags


@app.get("/shows/<int:show_id>")
def show(show_id: int) -> Response:
    query = "SELECT id, title, host FROM show WHERE id = ?"
    row = database().execute(query, [show_id]).fetchone() or abort(404)
    found, tags = Show(*row), tags_of(show_id)
    return jsonify(
        title=found.title,
        host=found.host,
        episodes=[
            {
                "number": episode.number,
                "title": episode.title,
                "published": episode.published,
                "minutes": episode.seconds // 60,
                "tags": tags.get(episode.id, []),
            }
            for episode in episodes_of(show_id)
        ],
    )


@app.get("/sitemap.txt")
def sitemap() -> Response:
    """The address of every episode, for search engines."""
    rows = database().execute(
        "SELECT id, show_id, number, title, published, seconds, summary FROM episode ORDER BY id"
    )
    episodes = [Episode(*row) for row in rows]
    lines = [f"/shows/{e.show_id}/{e.number} {e.published}" for e in episodes]
    return Response("\n".join(lines), content_type="text/plain")
