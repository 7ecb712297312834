"""The pages of the site, whichever framework serves them: queries, models, templates."""

import os
import sqlite3
import threading

from jinja2 import Environment, PackageLoader
from pydantic import BaseModel

_here = threading.local()


class Episode(BaseModel):
    """One line of a show's page."""

    number: int
    title: str
    published: str
    seconds: int
    summary: str


class Show(BaseModel):
    """A show and its episodes, the newest first."""

    title: str
    host: str
    about: str
    episodes: list[Episode]


def database() -> sqlite3.Connection:
    """The connection of this thread."""
    if not hasattr(_here, "db"):
        _here.db = sqlite3.connect(f"file:{os.environ['CATALOGUE']}?mode=ro", uri=True)
        _here.db.row_factory = sqlite3.Row
    return _here.db


def show(show_id: int) -> Show | None:
    db = database()
    found = db.execute("SELECT title, host, about FROM show WHERE id = ?", [show_id]).fetchone()
    if found is None:
        return None
    episodes = db.execute(
        "SELECT number, title, published, seconds, summary FROM episode"
        " WHERE show_id = ? ORDER BY number DESC",
        [show_id],
    )
    return Show(**found, episodes=[Episode(**row) for row in episodes])


def as_page(found: Show) -> str:
    return _templates.get_template("show.html").render(show=found)


_templates = Environment(loader=PackageLoader("pages"), autoescape=True)
