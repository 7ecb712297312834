"""HTTP: tells the web app that a new index is there, so that it opens the new file."""

import httpx

from app.models.run import RunReport
from app.settings import settings

_client = httpx.Client(timeout=10, headers={"user-agent": "search-indexer"})


def announce(report: RunReport) -> None:
    """Posts the report, if an address is set."""
    if settings.notify_url:
        _client.post(str(settings.notify_url), json=report.model_dump()).raise_for_status()
