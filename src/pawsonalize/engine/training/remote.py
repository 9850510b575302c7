"""The port of a remote engine, which trains and answers in place of this service."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec

from pawsonalize.engine.serving.served import RemoteCampaign
from pawsonalize.kinds.solutions import Progress, SolutionVersion, TrainingMode
from pawsonalize.recipes import POPULARITY_COUNT

Report = Callable[[Progress, str | None], object]
"""Stores how far the training is and, once it is known, what the remote engine calls the version.

Conflict if somebody stopped it.
"""


@dataclass(frozen=True, slots=True)
class RemoteMetrics:
    """The remote engine's name of the version, and its metrics or why there are none."""

    remote: str
    metrics: Mapping[str, float]
    why_not: str = ""


class RemoteTraining(Protocol):
    """Trains in place of this machine; goes on with what it began before, on whichever machine."""

    def trains(self, version: SolutionVersion) -> bool:
        """Return True if the remote engine trains the version."""
        ...

    def train(self, version: SolutionVersion, report: Report) -> RemoteMetrics:
        """Train to the end. TrainingFailed with the reason if the remote engine gives up."""
        ...

    def stop(self, version: SolutionVersion) -> None:
        """Stop the training there, if it was begun; EngineUnavailable if nobody answers."""
        ...


class RemoteEngine(Protocol):
    """A remote engine, which trains and answers in place of this service."""

    @property
    def training(self) -> RemoteTraining:
        """Its training."""
        ...

    @property
    def description(self) -> str:
        """A sentence about it, for people."""
        ...

    def campaign(self, name: str) -> RemoteCampaign:
        """Return the campaign there behind ours of that name."""
        ...


def stand_in_of(version: SolutionVersion) -> SolutionVersion:
    """Return what is fitted here in place of the version: the popularity of the same events."""
    return msgspec.structs.replace(
        version,
        recipe=POPULARITY_COUNT,
        settings={},
        tuning=None,
        tuned=None,
        mode=TrainingMode.FULL,
        base=None,
    )
