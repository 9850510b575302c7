"""Plugins: optional capabilities, each in a folder or a distribution with all that is its own."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any, Generic, ParamSpec, TypeVar

import msgspec

from pawsonalize import __version__
from pawsonalize.core.extensions import BrokenExtension, load_extensions

P = ParamSpec("P")
T = TypeVar("T")

GROUP = "pawsonalize.plugins"
"""The entry points of plugins that other distributions bring."""
SEPARATE = {
    "streams": "command consume|setting stream(url|trackingid)",
    "remote_amazon": "command (leave|contract)|setting (engine|amazon.+)",
    "out_of_core": "setting training(engine|memorymegabytes)",
}
"""Plugins of each release that are distributions of their own, in packages/, and a pattern of their
commands and settings; see `absence`."""


# The core imports no plugin. It loops over what they declare, and imports the parts of built-in
# ones when it needs them, so that `--help` loads no server; one that is taken away is not missed.
class Plugin(msgspec.Struct, frozen=True):
    """The parts that an optional capability adds to the service.

    A part is a reference that `load` imports: `module:NAME` inside the plugin's package, or `:NAME`
    in its `__init__.py`; empty where the plugin adds nothing of the kind.
    """

    name: str
    """Its name, of letters, digits and `_`. Templates stand below it: `NAME/page.html`."""
    settings: str = ""
    """Its part of the settings: a `msgspec.Struct`; see `app.settings.Settings.part`."""
    tables: str = ""
    """A tuple of its SQLAlchemy tables, on `core.database.tables.metadata`."""
    commands: str = ""
    """A tuple of `app.cli.options.Command`."""
    operations: str = ""
    """A tuple of `core.http.operation.Operation`."""
    pages: str = ""
    """Function without arguments: the routes of its pages, and of what they load."""
    console_pages: str = ""
    """A tuple of `View`, `PageAction`, `Link` (all of `app/pages/`) and routes, which the console
    shows among its own."""
    checks: str = ""
    """A tuple of `app.checks.Check`, which doctor, status and the console show."""
    started: str = ""
    """Function of `Adapters` and `Services`: what the plugin's operations and pages share, or a
    context manager that yields it and is open while a server runs."""
    tasks: str = ""
    """Function of adapters, services and what `started` yields: background tasks."""
    upkeep: str = ""
    """Function of adapters and `stopped`: names and functions of the moment, which keep the disk
    small."""
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
    """A tuple of functions of adapters: `erasure.erased_archive.VisitorObjects` in the archive."""
    purges: str = ""
    """A tuple of functions of adapters: `erasure.erasing.Purge` of files for trainings."""
    archive_keys: str = ""
    """A tuple of functions of a key: True if the plugin wrote that object of the archive."""
    middleware: str = ""
    """A tuple of ASGI middleware classes."""
    ports: str = ""
    """A tuple of what it provides for ports of the service, each `PORT.by(function)`, in a module
    that imports nothing heavy. Ports are not promised to other distributions."""
    package: str = ""
    """The package of a plugin of another distribution, `__name__` in its `__init__.py`."""

    @property
    def folder(self) -> str:
        """The package in which its modules, templates and static files lie."""
        return self.package or f"pawsonalize.plugins.{self.name}"

    def load(self, part: str) -> Any:
        """Import the object that a reference names, such as `module:NAME`."""
        module, _, name = part.partition(":")
        return getattr(import_module(f"{self.folder}.{module}".rstrip(".")), name)


class Port(Generic[P, T]):
    """A function that the service asks of plugins; `app.ports` has all of them."""

    def by(self, function: Callable[P, T | None]) -> "Provided":
        """Return the port with a plugin's function, which returns None where it has no answer."""
        return Provided(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return the answer of the first plugin that has one, or None."""
        for provided in added("ports"):
            if provided.port is self:
                answer: T | None = provided.function(*args, **kwargs)
                if answer is not None:
                    return answer
        return None


class Provided(msgspec.Struct, frozen=True):
    """A port, and the function by which a plugin answers it; made by `Port.by`, which types it."""

    port: object
    function: Callable[..., Any]


@cache
def installed() -> tuple[Plugin, ...]:
    """Return the plugins of this installation: built-in ones as listed, then others by name."""
    names: tuple[str, ...] = import_module("pawsonalize.plugins").BUILT_IN
    own = tuple(import_module(f"pawsonalize.plugins.{name}").PLUGIN for name in names)
    return own + tuple(_load_foreign()[0].values())


def broken_plugins() -> Sequence[BrokenExtension]:
    """Return the plugins of other distributions that did not load."""
    return _load_foreign()[1]


@cache
def _load_foreign() -> tuple[dict[str, Plugin], tuple[BrokenExtension, ...]]:
    names: tuple[str, ...] = import_module("pawsonalize.plugins").BUILT_IN

    def load(entry: EntryPoint) -> Plugin:
        if entry.name in SEPARATE and entry.dist and entry.dist.version != __version__:
            raise ValueError(
                f"it goes with Pawsonalize {entry.dist.version}, and this is {__version__}:"
                f" {how_to_install(entry.name)}"
            )
        plugin = entry.load()
        if not isinstance(plugin, Plugin):
            raise TypeError(f"{entry.value} is {type(plugin).__name__}, not pawsonalize.Plugin")
        if plugin.name in names or plugin.name != entry.name:
            raise ValueError(
                f"its name is {plugin.name!r}: it must be that of its entry point, and"
                " no built-in plugin's"
            )
        if plugin.name in SEPARATE:
            return plugin  # of this release, so its parts fit, and load when they are needed
        for kind in Plugin.__struct_fields__:
            # All parts now, so that one that is broken leaves no half of a plugin.
            if kind not in {"name", "package"} and (part := getattr(plugin, kind)):
                plugin.load(part)
        return plugin

    return load_extensions(GROUP, load)


def absent_plugins() -> list[str]:
    """Return the names of the plugins of this release that are not installed."""
    there = {one.name for one in installed()} | {one.name for one in broken_plugins()}
    return [name for name in SEPARATE if name not in there]


def absence(asked: str) -> str | None:
    """Return why there is no such command or setting, if it is of a plugin that is not there.

    Asked for is `command consume`, or `setting streamurl`: in small letters, without `_`.
    """
    for name in (one for one, words in SEPARATE.items() if re.fullmatch(words, asked)):
        for broken in broken_plugins():
            if broken.name == name:
                return f"the plugin {broken}"
        if name in absent_plugins():
            return f"it is of a plugin that is not installed: {how_to_install(name)}"
    return None


def how_to_install(*plugins: str) -> str:
    """Return the command that installs plugins of this release."""
    return f"pip install 'pawsonalize[{','.join(plugins).replace('_', '-')}]'"


def parts(kind: str) -> Iterator[tuple[Plugin, Any]]:
    """Yield each plugin that adds parts of a kind, such as `checks`, with what it adds."""
    for plugin in installed():
        if reference := getattr(plugin, kind):
            yield plugin, plugin.load(reference)


def added(kind: str) -> Iterator[Any]:
    """Yield each member of the tuples that the plugins add of a kind."""
    for _, members in parts(kind):
        yield from members
