"""A demo world in a data folder, trained and ready to serve."""

from pathlib import Path

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.plugins.demo.commands import store_world
from pawsonalize.plugins.demo.settings import WorldSettings
from pawsonalize.plugins.demo.world import World, generate
from pawsonalize.train.commands.trainings import solutions_to_train, train_and_serve

_SEED = 7


def world_of(events: int, end: int) -> World:
    """The demo world with about that many events, up to `end`."""
    settings = WorldSettings(events=events, adopters=max(events // 20, 50))
    return generate(settings, _SEED, end)


def prepare(folder: Path, events: int = WorldSettings().events) -> None:
    """Store the world, and train and serve what the settings want trained."""
    settings = load_settings({"data_dir": folder})
    now = clock.now()
    with opened(settings) as adapters:
        store_world(adapters, world_of(events, now))
        for solution in solutions_to_train(settings):
            train_and_serve(adapters, adapters.versions.create(solution, as_of=now, now=now))
