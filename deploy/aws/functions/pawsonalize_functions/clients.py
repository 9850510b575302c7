"""Clients of AWS's services, made when they are first needed and kept."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(retries={"mode": "standard"}, connect_timeout=3, read_timeout=20)


@cache
def client(service: str) -> Any:
    """The client of a service such as `personalize-events`; throttled calls are tried again."""
    return boto3.client(service, config=_CONFIG)
