"""Commands of all kinds of resources, as their descriptions say, and how resources print."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from inspect import Parameter, Signature
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import typer

from pawsonalize.app.cli.opening import dataset_group_of, on_data, parameter
from pawsonalize.app.cli.options import DatasetGroupName, command_group
from pawsonalize.app.cli.terminal import print_listing
from pawsonalize.core import clock
from pawsonalize.core.times import iso
from pawsonalize.resources.catalogue import KINDS
from pawsonalize.resources.kind import (
    Action,
    AnyKind,
    Commands,
    CommandText,
    Param,
    Resource,
    Values,
)

_MOMENTS = frozenset({"at", "as_of", "since", "until"})


def add_commands(kind: AnyKind, commands: Commands) -> typer.Typer:
    """Return the group of commands that a kind describes."""
    app = command_group(commands.about)
    made = _KindCommands(kind, commands)
    name = made.parameter("name")

    def add(
        command: str,
        text: CommandText,
        parameters: Iterable[Parameter],
        run: Callable[[Any, dict[str, Any]], Any],
        show: Callable[[Any], object] = print_fields,
        *,
        makes: bool = False,
    ) -> None:
        def called(adapters: Any, **given: Any) -> Any:
            return run(adapters, given)

        about, example = text
        line = f"pawsonalize {kind.path}s {command} {example}".rstrip()
        typed: Any = called  # what `on_data`, and then Typer, reads
        typed.__signature__ = Signature([parameter("adapters", Any), *parameters])
        run_on = on_data(show, makes=makes)
        app.command(command, help=f"{about}\n\nExample: {line}")(run_on(called))

    owner = kind.resource.owner
    narrowing = []
    if owner is not None and commands.filter:
        flag = f"--{owner.replace('_', '-')}"
        option = typer.Option(flag, help=commands.filter, show_default="all")
        narrowing = [parameter(owner, Annotated[str | None, option], None)]
    text = (f"List the {kind.word}s, newest first.", commands.ls_example)
    add("ls", text, narrowing, made.list_all, rows_of(commands.columns))
    add("show", commands.show, [name], made.show)
    if commands.create is not None:
        params = map(made.parameter, commands.params)
        add("create", commands.create, params, made.create, makes=commands.begins)
    if commands.update is not None:
        changes = map(made.parameter, commands.changes)
        add("update", commands.update, [name, *changes], made.update)
    if commands.delete is not None:
        add("delete", commands.delete, [name], made.delete, lambda _: None)
    for action, text in commands.actions.items():
        add(action, text, [name], partial(made.act, kind.actions[action]))
    return app


class _KindCommands:
    def __init__(self, kind: AnyKind, commands: Commands) -> None:
        self._kind = kind
        self._commands = commands
        self._types = {one.name: one.type for one in msgspec.structs.fields(kind.resource)}

    def list_all(self, adapters: Any, given: dict[str, Any]) -> list[Resource]:
        parent = next(iter(given.values()), None)
        if parent and "dataset_group" in given:
            parent = dataset_group_of(adapters, parent)
        return list(adapters.registry.listed(self._kind.resource, parent=parent))

    def show(self, adapters: Any, given: dict[str, Any]) -> object:
        if self._commands.look is not None:
            return self._commands.look(adapters, given["name"], clock.now())
        found: Resource = adapters.registry.get(self._kind.resource, given["name"])
        return found

    def create(self, adapters: Any, given: dict[str, Any]) -> Resource:
        values = _values(self._commands.params, given)
        if "dataset_group" in given:
            values["dataset_group"] = dataset_group_of(adapters, given["dataset_group"])
        created: Resource = self._kind.make(adapters, values, clock.now())
        return created

    def update(self, adapters: Any, given: dict[str, Any]) -> Resource:
        name = given.pop("name")
        assert self._kind.change is not None
        changes = _values(self._commands.changes, given)
        changed: Resource = self._kind.change(adapters, name, changes, clock.now())
        return changed

    def delete(self, adapters: Any, given: dict[str, Any]) -> dict[str, str]:
        self._kind.remove(adapters, given["name"], clock.now())
        return {"deleted": given["name"]}

    def act(self, act: Action, adapters: Any, given: dict[str, Any]) -> object:
        return act(adapters, given["name"], clock.now())

    def parameter(self, one: str | Param) -> Parameter:
        if one == "name":
            return parameter(one, Annotated[str, typer.Argument(help=f"The {self._kind.word}.")])
        if isinstance(one, str):
            return parameter(one, DatasetGroupName, None)
        kind, bounds = _bounds(one.type or self._types[one.name])
        about: Any = {"help": one.help} | ({"show_default": one.unset} if one.unset else {})
        if one.is_argument and not one.unset:
            return parameter(one.name, Annotated[kind, typer.Argument(**about)])
        option = typer.Argument(**about)
        if not one.is_argument:
            option = typer.Option(*([one.flag] if one.flag else []), **(about | bounds))
        return parameter(one.name, Annotated[kind | None, option], None)


def _values(params: Sequence[str | Param], given: Values) -> dict[str, Any]:
    readers = {one.name: one.read for one in params if isinstance(one, Param) and one.read}
    passed = {name: value for name, value in given.items() if value is not None}
    return {n: readers[n](value) if n in readers else value for n, value in passed.items()}


def _bounds(kind: Any) -> tuple[Any, dict[str, float]]:
    if get_origin(kind) in {Union, UnionType}:
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is not Annotated:
        return kind, {}
    plain, meta = get_args(kind)
    bounds = {"min": meta.ge, "max": meta.le}
    return plain, {name: bound for name, bound in bounds.items() if bound is not None}


def print_rows(rows: Sequence[object], fields: Sequence[str]) -> None:
    """Print a line for each of some values, with these fields of theirs."""
    texts = (
        [_text(field, msgspec.to_builtins(getattr(row, field))) for field in fields] for row in rows
    )
    print_listing((field.replace("_", " ") for field in fields), texts, 200)


def rows_of(fields: Sequence[str]) -> Callable[[Sequence[object]], None]:
    """Return a function that prints a line for each of some values, with these fields."""
    return partial(print_rows, fields=fields)


def print_fields(value: object) -> None:
    """Print a line for each field that is not empty."""
    for field, part in msgspec.to_builtins(value).items():
        if text := _text(field, part, empty=""):
            print(f"{field.replace('_', ' '):<20} {text}")


def _text(field: str, value: Any, empty: str = "-") -> str:
    """The value in words: lists with commas, what has fields as `name value`."""
    if value is None or (not value and not isinstance(value, bool | int | float)):
        return empty
    if isinstance(value, Mapping):
        parts = ((name, _text(name, one, empty="")) for name, one in value.items())
        return ", ".join(f"{name.replace('_', ' ')} {text}" for name, text in parts if text)
    if isinstance(value, list | tuple):
        join = "; " if isinstance(value[0], Mapping) else ", "
        return join.join(_text(field, one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and (field.endswith("_at") or field in _MOMENTS):
        return iso(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


GROUPS = {
    kind.resource: add_commands(kind, kind.commands)
    for kind in KINDS.values()
    if kind.commands is not None
}
"""The groups of commands, by the class of what they are about."""


def groups_below(panel: str) -> dict[str, typer.Typer]:
    """Return the groups of commands that stand below a headline, by their names."""
    return {
        f"{kind.path}s": GROUPS[kind.resource]
        for kind in KINDS.values()
        if kind.commands is not None and kind.commands.panel == panel
    }
