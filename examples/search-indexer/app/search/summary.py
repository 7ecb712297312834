"""What the index holds of each service, counted with pandas, and the page that shows it."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, select_autoescape

from app.models.document import ApiDocument, Kind

_templates = Environment(
    loader=PackageLoader("app.search"), autoescape=select_autoescape(), trim_blocks=True
)


def summarise(pages: Iterable[tuple[ApiDocument, int]]) -> pd.DataFrame:
    """One row a service out of every page and its number of words, the largest service first."""
    columns = [(page.service, page.kind == Kind.OPERATION, words) for page, words in pages]
    frame = pd.DataFrame(columns, columns=["service", "is_operation", "words"])
    summary = (
        frame.groupby("service")
        .agg(
            documents=("words", "size"),
            operations=("is_operation", "sum"),
            words=("words", "sum"),
            median_words=("words", "median"),
        )
        .sort_values("words", ascending=False)
    )
    summary["share"] = summary["words"] / summary["words"].sum()
    return summary.reset_index()


def write_page(path: Path, summary: pd.DataFrame) -> None:
    """The summary as an HTML page."""
    page = _templates.get_template("summary.html.j2").render(
        services=summary.to_dict("records"),
        documents=int(summary["documents"].sum()),
        words=int(summary["words"].sum()),
        written_at=datetime.now(UTC),
    )
    path.write_text(page, encoding="utf-8")
