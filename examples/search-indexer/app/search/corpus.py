"""The corpus: the API documentation in botocore's data files, a page for each operation and type.

Each service has a model `DATA/SERVICE/VERSION/service-2.json.gz` (older botocore: without `.gz`);
only the newest version of a service is read.
"""

import gzip
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore

from app.models.document import ApiDocument, Kind
from app.search.text import normalise

DATA = Path(botocore.__file__).parent / "data"

_INLINE_TAG = re.compile(r"</?(?:a|b|i|code|em|strong|span|sup|sub)(?:\s[^>]*)?>")
_TAG = re.compile(r"<[^>]+>|<!--.*?-->", re.DOTALL)

Model = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where the models are, and how many services of them count: the largest ones; None is all."""

    data: Path
    services: int | None = None


def model_files(corpus: Corpus) -> list[tuple[str, Path]]:
    """The newest model of each service, the largest file first."""
    found = []
    for folder in corpus.data.iterdir():
        versions = sorted(folder.glob("*/service-2.json*"))
        if versions:
            found.append((folder.name, versions[-1]))
    found.sort(key=lambda model: (-model[1].stat().st_size, model[0]))
    return found[: corpus.services]


def read_documents(corpus: Corpus) -> Iterator[ApiDocument]:
    """Every page that has any text."""
    for service, path in model_files(corpus):
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            yield from _documents_of(service, json.loads(file.read()))


def _documents_of(service: str, model: Model) -> Iterator[ApiDocument]:
    shapes: dict[str, Model] = model["shapes"]
    title = model["metadata"].get("serviceFullName", service)
    pages = [(Kind.SERVICE, title, plain_text(model.get("documentation", "")))]

    shown_with_operation = set()
    for name, operation in model["operations"].items():
        parts = [plain_text(operation.get("documentation", ""))]
        for side in ("input", "output"):
            shape = operation.get(side, {}).get("shape")
            if shape:
                shown_with_operation.add(shape)
                parts.append(_shape_text(shapes[shape]))
        pages.append((Kind.OPERATION, name, _join(parts)))

    for name, shape in shapes.items():
        if name not in shown_with_operation:
            pages.append((Kind.TYPE, name, _shape_text(shape)))

    for kind, name, text in pages:
        if text:
            key = f"{service}/{kind}/{name}"
            yield ApiDocument(key=key, service=service, kind=kind, name=name, text=text)


def _shape_text(shape: Model) -> str:
    parts = [plain_text(shape.get("documentation", ""))]
    for name, member in shape.get("members", {}).items():
        text = plain_text(member.get("documentation", ""))
        if text:
            parts.append(f"{name}: {text}")
    return _join(parts)


def _join(parts: list[str]) -> str:
    return "\n".join(part for part in parts if part)


def plain_text(markup: str) -> str:
    """HTML documentation as one line of text."""
    text = markup
    if "<" in text:
        text = _TAG.sub(" ", _INLINE_TAG.sub("", text))
    if "&" in text:
        text = html.unescape(text)
    return normalise(" ".join(text.split()))
