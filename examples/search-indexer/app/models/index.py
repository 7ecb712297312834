"""The tables of the index file, as SQLAlchemy sees them. The FTS5 table is in app.search.index."""

from sqlalchemy import Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class IndexedDocument(Base):
    """A page as it is shown in a result; its rowid is also its rowid in the FTS5 table."""

    __tablename__ = "document"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    service: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    keywords: Mapped[str]
    text: Mapped[str] = mapped_column(Text)


class ServiceSummary(Base):
    """What the index holds of one service."""

    __tablename__ = "service"

    service: Mapped[str] = mapped_column(primary_key=True)
    documents: Mapped[int]
    operations: Mapped[int]
    words: Mapped[int]
    median_words: Mapped[float]
    share: Mapped[float]
