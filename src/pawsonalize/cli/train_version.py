"""`pawsonalize train-version`: what the process of one training runs; not for people."""

import os

from pawsonalize.app import opened
from pawsonalize.settings import load_settings

_NICENESS = 10


def train_version(name: str) -> None:
    """Train a solution version that was created before, after all other work of the machine.

    Example: pawsonalize train-version recommender-20260517T093000000Z-1f2e3d
    """
    os.nice(_NICENESS)
    with opened(load_settings()) as adapters:
        adapters.trainer.train(name)
