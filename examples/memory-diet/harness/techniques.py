"""The table's rows: which figure of which pair stands against which figure of the article."""

from dataclasses import dataclass

from harness import sides
from harness.claims import Claim, Kind
from harness.sides import Side

MIB = 2**20
"""What the article calls MB is taken for MiB, as container tools count."""
WHOLE_PAGE = 440
PREVIEW = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of a pair, and the claim that it is held against."""

    label: str
    figure: str
    """Its name in Facts.figures."""
    claim: Claim


@dataclass(frozen=True, slots=True)
class Technique:
    """A pair of programs."""

    name: str
    before: Side
    after: Side
    rows: tuple[Row, ...]


ALL = (
    Technique(
        "workers",
        sides.sync_workers,
        sides.async_worker,
        (
            Row(
                f"{sides.SYNC_WORKERS} sync -> 1 async, at rest",
                "rest",
                Claim(
                    "-542/1,280 MB",
                    Kind.SHARE,
                    542 / 1280,
                    "the workers of so small an app share most of what they hold, and Granian"
                    " and Quart bring more along than gunicorn and Flask",
                ),
            ),
        ),
    ),
    Technique(
        "orm",
        sides.orm("before"),
        sides.orm("after"),
        (
            Row(
                "ORM -> raw queries, at rest",
                "rest",
                Claim(
                    "-100 MB each",
                    Kind.SAVED,
                    100 * MIB,
                    "what stays is mostly SQLAlchemy itself: its objects go back once a request is"
                    " answered. The article's app was larger, and its ORM was MongoEngine",
                ),
            ),
            Row(
                "ORM -> raw queries, peak",
                "peak",
                Claim(
                    "-100 MB each",
                    Kind.SAVED,
                    100 * MIB,
                    "a page of 30,000 rows is the most that this API has alive at once",
                ),
            ),
            Row(
                "ORM -> raw queries, speed",
                "rate",
                Claim(
                    "nearly x 2",
                    Kind.FASTER,
                    2.0,
                    "what is not the ORM (Flask, JSON, the server, the client) takes more of each"
                    " request here",
                ),
            ),
        ),
    ),
    Technique(
        "resident",
        sides.resident,
        sides.as_job,
        (
            Row(
                "resident -> job, at rest",
                "rest",
                Claim(
                    "708 -> 22 MB",
                    Kind.TIMES,
                    708 / 22,
                    "the daemon of this demo indexes less than the article's and so holds less,"
                    " and ebbd has a size of its own whatever it replaces",
                ),
            ),
        ),
    ),
    Technique(
        "imports",
        sides.imports("before"),
        sides.imports("after"),
        (
            Row(
                "local imports, at rest",
                "rest",
                Claim(
                    "-69 MB",
                    Kind.SAVED,
                    69 * MIB,
                    "the two share what the app has imported anyway, and the pages of numpy's"
                    " files count by their share where other processes have them mapped too",
                ),
            ),
        ),
    ),
    Technique(
        "cache",
        sides.cache("before", WHOLE_PAGE),
        sides.cache("after", WHOLE_PAGE),
        (
            Row(
                "diskcache, 50 kB each, peak",
                "peak",
                Claim(
                    "modest",
                    Kind.SOME,
                    0.0,
                    "the pages are too few to outweigh diskcache itself",
                ),
            ),
        ),
    ),
    Technique(
        "small-cache",
        sides.cache("before", PREVIEW),
        sides.cache("after", PREVIEW),
        (
            Row(
                "diskcache, 6 kB each, peak",
                "peak",
                Claim(
                    "modest",
                    Kind.SOME,
                    0.0,
                    "diskcache keeps values below 32 kB inside of its SQLite file, whose page"
                    " cache (up to 32 MiB a process) then holds in memory what the dict held",
                ),
            ),
        ),
    ),
)
