"""What is known of a run of the indexer: its report, and the record that MongoDB keeps of it."""

from typing import Any, ClassVar

import mongoengine as me
from pydantic import BaseModel


class RunReport(BaseModel):
    """What one run did."""

    documents: int
    added: int
    changed: int
    removed: int
    words: int
    text_bytes: int
    index_bytes: int
    seconds: dict[str, float]
    """Wall time of each phase."""


class RunRecord(me.Document):
    """A run, for the app's admin pages."""

    meta: ClassVar[dict[str, Any]] = {"collection": "index_runs", "indexes": ["-finished_at"]}

    finished_at = me.DateTimeField(required=True)
    documents = me.IntField(min_value=0, required=True)
    added = me.IntField(min_value=0)
    changed = me.IntField(min_value=0)
    removed = me.IntField(min_value=0)
    words = me.IntField(min_value=0)
    index_bytes = me.LongField(min_value=0)
    seconds = me.DictField(me.FloatField())
