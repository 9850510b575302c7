from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from pawsonalize.core.event import Event
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import VIEW, World, generate

END = 1_779_000_000_000  # 2026-05-17


@pytest.fixture(scope="session")
def world() -> World:
    """The world of the demo site."""
    return generate(WorldSettings(), seed=7, end=END)


@pytest.fixture(scope="session")
def events(world: World) -> Sequence[Event]:
    """All its events: each is made anew whenever the world is asked for it."""
    return tuple(world.events)


@dataclass(frozen=True)
class People:
    """The views of adopters with what each saw just before in the session (-1: nothing)."""

    visitor: NDArray[np.int32]
    animal: NDArray[np.int32]
    previous: NDArray[np.int32]
    moment: NDArray[np.int64]
    row: NDArray[np.int64]


@pytest.fixture(scope="session")
def people(world: World) -> People:
    columns = world.events.columns
    rows = np.flatnonzero((columns.kind == VIEW) & (columns.visitor < world.settings.adopters))
    rows = rows[np.argsort(columns.session[rows], kind="stable")]
    session, animal = columns.session[rows], columns.animal[rows]
    before = np.where(np.diff(session, prepend=-1) == 0, np.roll(animal, 1), -1)
    return People(columns.visitor[rows], animal, before, columns.moment[rows], rows)
