"""Trainings as processes that run what a test wants them to."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pawsonalize.core.work.leases import Leases, holder
from pawsonalize.resources.artefacts import ArtefactStore
from pawsonalize.resources.registry import Registry
from pawsonalize.train.trainings import TrainingProcesses

Make = Callable[[str], TrainingProcesses]
SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def make(
    registry: Registry, artefacts: ArtefactStore, leases: Leases, tmp_path: Path
) -> Iterator[Make]:
    """Trainings that run the given Python code; each call is a server that was just started."""

    def make(code: str) -> TrainingProcesses:
        command = (sys.executable, "-c", code)
        return TrainingProcesses(registry, artefacts, leases, command, os.environ)

    yield make
    for lock in (tmp_path / "leases").glob("*.lock"):
        with suppress(ProcessLookupError):
            os.killpg(holder(lock) or 0, signal.SIGKILL)
