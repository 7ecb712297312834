"""What is indexed: one page of API documentation."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Kind(StrEnum):
    """What a page describes."""

    SERVICE = "service"
    OPERATION = "operation"
    TYPE = "type"


class ApiDocument(BaseModel):
    """One page: plain text, without markup."""

    model_config = ConfigDict(frozen=True)

    key: str
    """Its address, the same in every run: `ec2/operation/RunInstances`."""
    service: str
    kind: Kind
    name: str
    text: str
