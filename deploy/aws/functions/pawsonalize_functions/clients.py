"""Clients of AWS's services, made when they are first needed and kept."""

import json
import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(retries={"mode": "standard"}, connect_timeout=3, read_timeout=20)
_KEY = "PERSONALIZE_KEY_SECRET_ARN"


@cache
def client(service: str) -> Any:
    """The client of a service such as `personalize-events`; throttled calls are tried again.

    Where Amazon Personalize's API is answered by a service of its own, that service has its own
    access keys: it knows no role, and refuses the session token of one.
    """
    if service.startswith("personalize") and (secret := os.environ.get(_KEY)):
        return boto3.client(service, config=_CONFIG, **_access_key(secret))
    return boto3.client(service, config=_CONFIG)


@cache
def _access_key(secret: str) -> dict[str, str]:
    """The access key in Secrets Manager, as boto3 takes it."""
    held = json.loads(client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])
    return {
        "aws_access_key_id": held["accessKeyId"],
        "aws_secret_access_key": held["secretAccessKey"],
    }
