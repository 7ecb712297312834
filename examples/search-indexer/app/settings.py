"""What the app is told by its environment. It runs without any of it."""

import os
from typing import Self

from pydantic import BaseModel, HttpUrl


class Settings(BaseModel):
    """One field for each environment variable SEARCH_<FIELD>."""

    aws_region: str = "us-east-1"
    bucket: str | None = None
    """S3 bucket that a finished index is copied to."""
    mongodb_url: str | None = None
    """Database that keeps a record of each run."""
    notify_url: HttpUrl | None = None
    """Where a finished run is announced (the web app's own hook)."""

    @classmethod
    def from_environment(cls) -> Self:
        names = {name: f"SEARCH_{name.upper()}" for name in cls.model_fields}
        found = {name: os.environ[key] for name, key in names.items() if os.environ.get(key)}
        return cls.model_validate(found)


settings = Settings.from_environment()
