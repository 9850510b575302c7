"""A running service for tests: its boto3 clients, and waiting for resources."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

REGION = "us-east-1"
_LOOK_SECONDS = 0.05
_START_SECONDS = 120
_STOP_SECONDS = 30
_ANSWER_SECONDS = 0.02
_IN_USE = "address already in use"
# The same answers every time, and nothing that happens by itself.
_SETTINGS = {"exploration_weight": "0", "retrain_here": "false", "log_level": "warning"}


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
        import boto3  # checks of recipes need none
        from botocore.config import Config

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
        """Wait until it is created or updated; return its description, or raise NotActive."""
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


@contextmanager
def running_service(folder: Path, **settings: str) -> Iterator[Service]:
    """A service on the folder; its settings are by their names in docs/reference/settings.md."""
    while (started := _start(folder, settings)) is None:
        pass  # somebody else took the port meanwhile
    process, port = started
    try:
        yield Service(f"http://127.0.0.1:{port}/aws", folder)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _start(
    folder: Path, settings: Mapping[str, str]
) -> "tuple[subprocess.Popen[bytes], int] | None":
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAWSONALIZE")}
    given = {"data_dir": str(folder / "data"), "s3_root": str(folder / "s3"), "aws_region": REGION}
    environment = {
        f"PAWSONALIZE_{name.upper()}": value
        for name, value in {**_SETTINGS, **given, **settings}.items()
    }
    output = folder / "service.log"
    with output.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "pawsonalize.app.cli.main", "serve", "--port", str(port)],
            cwd=folder,  # where no config/ of the program's is
            env=kept | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(port):
        if process.poll() is not None:
            if _IN_USE in output.read_text():
                return None
            raise RuntimeError(f"pawsonalize serve did not start: {output.read_text()}")
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"pawsonalize serve did not answer in {_START_SECONDS} seconds")
        time.sleep(_ANSWER_SECONDS)
    return process, port


def _answers(port: int) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
