"""Modules that are imported at their first use: slow ones, without which a server can start."""

from importlib import import_module
from typing import Any


class _Late:
    """A module that is imported when its first attribute is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)  # found without this function from now on
        return value


def late(name: str) -> Any:
    """Return a stand-in for a module, which is imported when something of it is used."""
    # For the type checker, import the module itself under TYPE_CHECKING.
    return _Late(name)
