"""S3: keeps a copy of the finished index for the other hosts."""

from pathlib import Path

import boto3
from botocore.config import Config

from app.settings import settings

_client = boto3.session.Session().client(
    "s3",
    region_name=settings.aws_region,
    config=Config(retries={"max_attempts": 3, "mode": "standard"}, connect_timeout=5),
)


def upload(path: Path) -> None:
    """Copies the file to the bucket, if one is set."""
    if settings.bucket:
        _client.upload_file(str(path), settings.bucket, path.name)
