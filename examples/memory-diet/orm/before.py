"""The API over SQLAlchemy's ORM. `granian --interface wsgi --workers 1 before:app`"""

import os

from flask import Flask, Response, abort, jsonify
from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)

app = Flask(__name__)
engine = create_engine(f"sqlite:///{os.environ['CATALOGUE']}")


class Base(DeclarativeBase):
    pass


class Show(Base):
    __tablename__ = "show"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    host: Mapped[str]
    about: Mapped[str]
    episodes: Mapped[list["Episode"]] = relationship(
        back_populates="show", order_by="Episode.number"
    )


class Episode(Base):
    __tablename__ = "episode"

    id: Mapped[int] = mapped_column(primary_key=True)
    show_id: Mapped[int] = mapped_column(ForeignKey("show.id"))
    number: Mapped[int]
    title: Mapped[str]
    published: Mapped[str]
    seconds: Mapped[int]
    summary: Mapped[str]
    show: Mapped[Show] = relationship(back_populates="episodes")
    tags: Mapped[list["Tag"]] = relationship(order_by="Tag.name")


class Tag(Base):
    __tablename__ = "tag"

    episode_id: Mapped[int] = mapped_column(ForeignKey("episode.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)


@app.get("/shows/<int:show_id>")
def show(show_id: int) -> Response:
    with Session(engine) as session:
        episodes = selectinload(Show.episodes).selectinload(Episode.tags)
        found = session.get(Show, show_id, options=[episodes]) or abort(404)
        return jsonify(
            title=found.title,
            host=found.host,
            episodes=[
                {
                    "number": episode.number,
                    "title": episode.title,
                    "published": episode.published,
                    "minutes": episode.seconds // 60,
                    "tags": [tag.name for tag in episode.tags],
                }
                for episode in found.episodes
            ],
        )


@app.get("/sitemap.txt")
def sitemap() -> Response:
    """The address of every episode, for search engines."""
    with Session(engine) as session:
        episodes = session.scalars(select(Episode).order_by(Episode.id)).all()
        lines = [f"/shows/{e.show_id}/{e.number} {e.published}" for e in episodes]
        return Response("\n".join(lines), content_type="text/plain")
