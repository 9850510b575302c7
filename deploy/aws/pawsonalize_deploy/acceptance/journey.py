"""Acceptance: the whole deployed system on this machine, step by step, and nothing is left."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

from pawsonalize_deploy.acceptance import emulators
from pawsonalize_deploy.acceptance.functions import DeployedFunctions
from pawsonalize_deploy.acceptance.lambda_server import lambda_server
from pawsonalize_deploy.acceptance.system import CHANGES, ENV, System, check
from pawsonalize_deploy.account import Account
from pawsonalize_deploy.deployed import Tell
from pawsonalize_deploy.environment import DeployedEnvironment
from pawsonalize_deploy.names import Names
from pawsonalize_deploy.settings import CONFIG, read_deploy_settings

REFERENCE = Path(__file__).parents[4].parent / "shared" / "data" / "reference"
"""AWS's own sample, where it lies beside the repository."""
T = TypeVar("T")


class StepFailed(Exception):
    """A step that did not do what it should; names the step."""


@dataclass
class Steps:
    """Tells of each step with its seconds, and of the one that fails."""

    tell: Tell
    began: float = field(default_factory=time.monotonic)
    names: list[str] = field(default_factory=list)

    def run(self, name: str, step: Callable[[], T]) -> T:
        """What the step answers; StepFailed with its name if it raises anything."""
        self.names.append(name)
        began = time.monotonic()
        try:
            answer = step()
        except Exception as error:
            kind = type(error).__name__
            raise StepFailed(f"step {len(self.names)}, {name}: {kind}: {error}") from error
        now = time.monotonic()
        said = f": {answer}" if isinstance(answer, str) else ""
        self.tell(f"{len(self.names):2}  {now - began:6.1f} s  {name}{said}")
        return answer


def accept(tell: Tell, reference: Path = REFERENCE) -> None:
    """Run the journey; StepFailed names the first step that fails. All that it made goes."""
    steps = Steps(tell)
    before = _children()
    folder = Path(tempfile.mkdtemp(prefix="pawsonalize-accept-"))
    try:
        with emulators.emulated_aws() as aws:
            _travel(steps, folder, aws, reference if reference.is_dir() else None)
    finally:
        shutil.rmtree(folder)
    steps.run("no process, port or folder is left", partial(_nothing_left, before, folder, aws))
    tell(f"accepted: {len(steps.names)} steps, {time.monotonic() - steps.began:.0f} s")


def _travel(steps: Steps, folder: Path, aws: str, reference: Path | None) -> None:
    config = reference / "config" if reference else CONFIG
    settings = steps.run(
        "config of the reference" if reference else "config",
        partial(read_deploy_settings, ENV, config, CHANGES),
    )
    account = Account(settings.region, Names(ENV), pause=0)
    if settings.vpc_id:
        emulators.make_vpc(settings.vpc_id, settings.region)
    environment = DeployedEnvironment(settings, account, lambda _line: None).in_its_network()
    with ExitStack() as ends:
        functions = DeployedFunctions(account, folder, lambda: system.service.url)
        ends.callback(functions.end)
        server = ends.enter_context(lambda_server(aws, functions))
        ways = {
            "AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{server.port}",
            "AWS_DEFAULT_REGION": settings.region,
            "CDK_DEPLOY_REGION": settings.region,
            "MOTO_PORT": str(server.port),  # by which moto's state machines find functions
        }
        ends.enter_context(patch.dict(os.environ, ways))
        system = System(environment, functions, config, folder, ends)
        try:
            _run_all(system, steps, reference, ends)
        except StepFailed:
            _tell_logs(folder, steps.tell)
            raise


def _run_all(system: System, steps: Steps, reference: Path | None, ends: ExitStack) -> None:
    """Run all steps on an empty account."""
    steps.run("templates", system.write_templates)
    steps.run("up: stack, access keys, seed data, first models", system.up)
    steps.run("up again changes nothing", system.up_again)
    stream = system.parameter(system.settings.kinesis_stream_name_ssm_path)
    kinesis = ends.enter_context(emulators.kinesis_local(stream, system.settings.region))
    ends.enter_context(patch.dict(os.environ, {"AWS_ENDPOINT_URL_KINESIS": kinesis}))
    if reference:
        steps.run("integration cases of the reference", partial(system.reference_cases, reference))
    else:
        steps.run("integration cases", system.own_cases)
    steps.run("stream, function, service, recommendation", system.follow_events)
    steps.run("a service that is away, a record that nobody can read", system.retry_events)
    topic = system.subscribe()
    steps.run("retraining: promoted", partial(system.retrain, topic, "promoted", 0.0))
    steps.run("retraining: refused", partial(system.retrain, topic, "kept", 1.0))
    steps.run("metric attribution", system.attribute)
    steps.run("down", system.down)
    steps.run("no resource is left", system.nothing_left)


def _children() -> set[str]:
    """The processes that this one has started and that have not ended."""
    return {
        pid
        for file in Path("/proc/self/task").glob("*/children")
        for pid in file.read_text().split()
    }


def _nothing_left(before: set[str], folder: Path, aws: str) -> None:
    check(_children() <= before, f"processes: {_children() - before}")
    check(not folder.exists(), f"the folder {folder}")
    port = int(aws.rpartition(":")[2])
    check(not emulators.is_open(port), f"the port {port}")


def _tell_logs(folder: Path, tell: Tell) -> None:
    """The last lines of the service and of each function."""
    for log in sorted(folder.glob("*.log")):
        for line in log.read_text(errors="replace").splitlines()[-15:]:
            tell(f"{log.stem[-40:]}: {line[:500]}")
