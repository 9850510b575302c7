"""A running service for tests: its boto3 clients, and waiting for resources."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
_LOOK_SECONDS = 0.05


class NotActive(Exception):
    """A resource failed, or was not ready in time; the text says its state."""


@dataclass(frozen=True)
class Service:
    """A running service: `url` is the endpoint of all three services of Amazon Personalize."""

    url: str
    folder: Path

    @cached_property
    def personalize(self) -> Any:
        """boto3's client of `personalize`."""
        return self.client("personalize")

    @cached_property
    def events(self) -> Any:
        """boto3's client of `personalize-events`."""
        return self.client("personalize-events")

    @cached_property
    def runtime(self) -> Any:
        """boto3's client of `personalize-runtime`."""
        return self.client("personalize-runtime")

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables that lead a program to this service."""
        kinds = ("PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME")
        return {f"AWS_ENDPOINT_URL_{kind}": self.url for kind in kinds} | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        """A boto3 client of its own."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - unsigned calls do here
            config=Config(proxies={}),
        )

    def bucket(self, name: str) -> Path:
        """The folder that import jobs read as `s3://name`."""
        folder = self.folder / "s3" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def wait_until_active(self, arn: str, seconds: float = 300) -> dict[str, Any]:
        """Wait for what is being created or updated, and return its description.

        Raises NotActive with the reason if it fails, or if it takes longer.
        """
        kind = kind_of(arn)
        describe = getattr(self.personalize, f"describe_{kind.replace('-', '_')}")
        deadline = time.monotonic() + seconds
        while True:
            answer = describe(**{f"{member_of(kind)}Arn": arn})
            found: dict[str, Any] = answer[member_of(kind)]
            states = (found, found.get("latestCampaignUpdate", {}))
            if any("FAILED" in one.get("status", "") for one in states):
                raise NotActive(f"{arn}: {found.get('failureReason') or found}")
            if all(one.get("status", "ACTIVE") == "ACTIVE" for one in states):
                return found
            if time.monotonic() > deadline:
                raise NotActive(f"{arn} is {found['status']} after {seconds:.0f} seconds")
            time.sleep(_LOOK_SECONDS)


def kind_of(arn: str) -> str:
    """The kind of an ARN's resource, in the words of its operations."""
    kind, _, name = arn.rpartition(":")[2].partition("/")
    return "solution-version" if kind == "solution" and "/" in name else kind


def member_of(kind: str) -> str:
    """The name of the kind in answers."""
    return re.sub("-(.)", lambda match: match[1].upper(), kind)
