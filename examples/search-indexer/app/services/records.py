"""MongoDB: a record of each run for the admin pages."""

from datetime import UTC, datetime

import mongoengine as me

from app.models.run import RunRecord, RunReport
from app.settings import settings


def record(report: RunReport) -> None:
    """Writes the record, if a database is set."""
    if not settings.mongodb_url:
        return
    me.connect(host=settings.mongodb_url, serverSelectionTimeoutMS=5000)
    known = report.model_dump(exclude={"text_bytes"})
    RunRecord(finished_at=datetime.now(UTC), **known).save()
