"""Wings: optional capabilities, each in one folder below `wings/`, with all that is its own."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

import msgspec


# The main house imports no wing. It loops over what the wings in `wings.WINGS` declare, and imports
# that when it needs it, so that `--help` loads no server and a wing that is taken away is not
# missed.
class Wing(msgspec.Struct, frozen=True):
    """The parts that an optional capability adds to the service.

    A part is a reference that `load` imports: `module:NAME` inside the wing's folder, or `:NAME` in
    its `__init__.py`; empty where the wing adds nothing of the kind.
    """

    name: str
    """The name of its folder."""
    settings: str = ""
    """Its part of the settings: a `msgspec.Struct`; see `Settings.part`."""
    tables: str = ""
    """A tuple of its SQLAlchemy tables, on `storage.tables.metadata`."""
    commands: str = ""
    """A tuple of `cli.options.Command`."""
    operations: str = ""
    """A tuple of `http.operation.Operation`."""
    pages: str = ""
    """Function without arguments: the routes of its pages, and of what they load."""
    console_pages: str = ""
    """A tuple of `View`, `PageAction`, `Link` (all of `pages/`) and routes, which the console shows
    among its own."""
    checks: str = ""
    """A tuple of `app.checks.Check`, which doctor, status and the console show."""
    started: str = ""
    """Function of settings, adapters and `access.services.Services`: what the wing's operations and
    pages share, or a context manager that yields it and is open while a server runs."""
    tasks: str = ""
    """Function of settings, adapters, services and what `started` yields: background tasks."""
    upkeep: str = ""
    """Function of settings, adapters and `stopped`: names and functions of the moment, which keep
    the disk small."""
    usable: str = ""
    """A tuple of functions of the settings: InvalidInput where they cannot be used together."""
    needs: str = ""
    """A tuple of functions of the settings: None, or a function of adapters that raises NotFound
    where the tables lack what the settings name."""
    gauges: str = ""
    """Function of what `started` yields and the moment: a list of Prometheus gauges."""
    growth: str = ""
    """A tuple of functions of `app.disk_forecast.DiskGrowth`: what a day adds to its tables."""
    visitor_rows: str = ""
    """A tuple of classes over a database that find and erase the rows of visitors."""
    visitor_objects: str = ""
    """A tuple of functions of adapters: `engine.upkeep.erasing.VisitorObjects` in the archive."""
    purges: str = ""
    """A tuple of functions of adapters: `engine.upkeep.erasing.Purge` of files for trainings."""
    archive_keys: str = ""
    """A tuple of functions of a key: True if the wing wrote that object of the archive."""
    middleware: str = ""
    """A tuple of ASGI middleware classes."""
    ports: dict[str, str] = msgspec.field(default_factory=dict)
    """Adapters for ports of the main house, by the port's name: functions that return None where
    the settings do not ask for them; see `offered`."""

    def load(self, part: str) -> Any:
        """Import what a reference names."""
        module, _, name = part.partition(":")
        place = f"pawsonalize.wings.{self.name}.{module}".rstrip(".")
        return getattr(import_module(place), name)


@cache
def installed() -> tuple[Wing, ...]:
    """Return the wings of this installation, in the order in which they are listed."""
    names: tuple[str, ...] = import_module("pawsonalize.wings").WINGS
    return tuple(import_module(f"pawsonalize.wings.{name}").WING for name in names)


def parts(kind: str) -> Iterator[tuple[Wing, Any]]:
    """Yield each wing that adds parts of a kind, such as `checks`, with what it adds, imported."""
    for wing in installed():
        if reference := getattr(wing, kind):
            yield wing, wing.load(reference)


def added(kind: str) -> Iterator[Any]:
    """Yield each member of the tuples that the wings add of a kind."""
    for _, members in parts(kind):
        yield from members


def offered(port: str, *arguments: Any) -> Any:
    """Return the adapter that a wing offers for a port, or None."""
    for wing in installed():
        if reference := wing.ports.get(port):
            make: Callable[..., Any] = wing.load(reference)
            if (adapter := make(*arguments)) is not None:
                return adapter
    return None
