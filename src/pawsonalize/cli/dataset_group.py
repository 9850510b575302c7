"""The dataset group that a command is about."""

from pawsonalize.app import Adapters
from pawsonalize.engine.serving.directory import Address
from pawsonalize.settings import Settings


def dataset_group_of(adapters: Adapters, settings: Settings, given: str | None) -> str:
    """What `--dataset-group` means, the default one if left out; NotFound lists those there are."""
    return adapters.directory(settings).dataset_group(Address(given))
