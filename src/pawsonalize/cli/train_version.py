"""`pawsonalize train-version`: what the process of one training runs; not for people."""

import typer

from pawsonalize.app import opened
from pawsonalize.domain.errors import PawsonalizeError
from pawsonalize.settings import load_settings


def train_version(name: str) -> None:
    """Train a solution version that was created before, after all other work of the machine.

    Example: pawsonalize train-version recommender-20260517T093000000Z-1f2e3d
    """
    with opened(load_settings()) as adapters:
        try:
            adapters.trainer.train(name)
        except PawsonalizeError as error:  # its reason is in the version, for whoever waits
            raise typer.Exit(1) from error
