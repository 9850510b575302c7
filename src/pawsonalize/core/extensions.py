"""Plugins and recipes that other distributions bring, found by their entry points."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

import msgspec

T = TypeVar("T")


class BrokenExtension(msgspec.Struct, frozen=True):
    """A plugin or a recipe of another distribution that does not load, and is left out whole."""

    name: str
    """Name of its entry point."""
    distribution: str
    """Name and version of what brings it."""
    reason: str

    def __str__(self) -> str:
        return f"{self.name} of {self.distribution} is left out: {self.reason}"


def distributions(group: str) -> dict[str, str]:
    """Return name and version of what brings each entry point of a group, by its name."""
    return {entry.name: _source(entry) for entry in sorted(entry_points(group=group))}


def load_extensions(
    group: str, load: Callable[[EntryPoint], T]
) -> tuple[dict[str, T], tuple[BrokenExtension, ...]]:
    """Load the entry points of a group; returns what loaded by its name, and what did not."""
    loaded, broken = {}, []
    for entry in sorted(entry_points(group=group)):
        try:
            loaded[entry.name] = load(entry)
        except Exception as error:  # noqa: BLE001 - code of others may raise anything
            reason = f"{type(error).__name__}: {error}"
            broken.append(BrokenExtension(entry.name, _source(entry), reason))
    return loaded, tuple(broken)


def _source(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
