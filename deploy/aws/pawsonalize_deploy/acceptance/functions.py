"""The functions that a stack deployed, each run from its artefact with its own configuration."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pawsonalize_deploy.acceptance.event_source import FunctionProcess
from pawsonalize_deploy.account import Account

_SERVICE = "AWS_ENDPOINT_URL_PERSONALIZE"


class DeployedFunctions(Mapping[str, Callable[[Any, object], Any]]):
    """The handler of each by its name; a process begins with the first call."""

    def __init__(self, account: Account, folder: Path, service: Callable[[], str]) -> None:
        """Unpack artefacts into the folder; `service` answers where the load balancer leads to."""
        self._account, self._folder, self._service = account, folder, service
        self._processes: dict[str, FunctionProcess] = {}

    def __getitem__(self, name: str) -> Callable[[Any, object], Any]:
        process = self.process(name)
        return lambda event, _context: process.invoke(event)

    def __iter__(self) -> Iterator[str]:
        return iter(self._processes)

    def __len__(self) -> int:
        return len(self._processes)

    def process(self, name: str, service: str = "") -> FunctionProcess:
        """The process of a function as it is configured now."""
        if service or name not in self._processes:
            found = self._account.client("lambda").get_function_configuration(FunctionName=name)
            self.forget(name)
            self._processes[name] = FunctionProcess(
                found["Handler"],
                self._code(name),
                megabytes=found["MemorySize"],
                seconds=found["Timeout"],
                environment=self._environment(found, service or self._service()),
                log=self._folder / f"{name}.log",
            )
        return self._processes[name]

    def forget(self, name: str) -> None:
        """Begin anew with the next call, as after a change of the configuration."""
        if name in self._processes:
            self._processes.pop(name).end()

    def end(self) -> None:
        """End all of them."""
        for name in list(self._processes):
            self.forget(name)

    def _code(self, name: str) -> Path:
        """The artefact that `up` has put into the bucket, unpacked."""
        stack = self._account.stack
        logical = next(key for key, physical in stack.resources().items() if physical == name)
        key: str = stack.template()["Resources"][logical]["Properties"]["Code"]["S3Key"]
        folder = self._folder / key.partition(".")[0]
        if not folder.exists():
            found = self._account.client("s3").get_object(Bucket=self._account.assets.name, Key=key)
            zipfile.ZipFile(io.BytesIO(found["Body"].read())).extractall(folder)
        return folder

    def _environment(self, found: Mapping[str, Any], service: str) -> dict[str, str]:
        """As Lambda gives it; only the addresses are those of this machine."""
        of_aws = {name: one for name, one in os.environ.items() if name.startswith("AWS_")}
        addresses = (_SERVICE, f"{_SERVICE}_EVENTS", f"{_SERVICE}_RUNTIME")
        variables: dict[str, str] = found["Environment"]["Variables"] | dict.fromkeys(
            addresses, f"{service}/aws"
        )
        return of_aws | variables | {"PATH": os.defpath}
