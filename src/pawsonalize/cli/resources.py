"""Commands of all kinds of resources, as their descriptions say, and how resources print."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import Parameter, Signature
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
import typer

from pawsonalize import clock
from pawsonalize.cli.opening import dataset_group_of, opened
from pawsonalize.cli.options import DataDir, DatasetGroupName, Json, command_group
from pawsonalize.cli.terminal import print_listing
from pawsonalize.domain.times import iso
from pawsonalize.kinds.catalogue import KINDS
from pawsonalize.kinds.kind import Action, Commands, CommandText, Kind, Param
from pawsonalize.settings import Settings, load_settings

_MOMENTS = frozenset({"at", "as_of", "since", "until"})


def add_commands(kind: Kind[Any], commands: Commands) -> typer.Typer:
    """Return the group of commands that a kind describes."""
    app = command_group(commands.about)
    made = _KindCommands(kind, commands)
    name = made.parameter("name")

    def add(
        command: str,
        text: CommandText,
        parameters: Sequence[Parameter],
        run: Callable[[Settings, dict[str, Any]], None],
    ) -> None:
        def called(**given: Any) -> None:
            run(load_settings({"data_dir": given.pop("data_dir")}), given)

        about, example = text
        line = f"pawsonalize {kind.path}s {command} {example}".rstrip()
        at = len(parameters) - (_JSON in parameters)
        signed: Any = called  # what Typer reads
        signed.__signature__ = Signature([*parameters[:at], _DATA_DIR, *parameters[at:]])
        app.command(command, help=f"{about}\n\nExample: {line}")(called)

    owner = kind.resource.owner
    narrowing = []
    if owner is not None and commands.filter:
        flag = f"--{owner.replace('_', '-')}"
        option = typer.Option(flag, help=commands.filter, show_default="all")
        narrowing = [_parameter(owner, str | None, option, None)]
    text = (f"List the {kind.word}s, newest first.", commands.ls_example)
    add("ls", text, [*narrowing, _JSON], made.list_all)
    add("show", commands.show, [name, _JSON], made.show)
    if commands.create is not None:
        add("create", commands.create, [*map(made.parameter, commands.params), _JSON], made.create)
    if commands.update is not None:
        changes = map(made.parameter, commands.changes)
        add("update", commands.update, [name, *changes, _JSON], made.update)
    if commands.delete is not None:
        add("delete", commands.delete, [name], made.delete)
    for action, text in commands.actions.items():
        add(action, text, [name, _JSON], partial(made.act, kind.actions[action]))
    return app


class _KindCommands:
    def __init__(self, kind: Kind[Any], commands: Commands) -> None:
        self._kind = kind
        self._commands = commands
        self._types = {one.name: one.type for one in msgspec.structs.fields(kind.resource)}

    def list_all(self, settings: Settings, given: dict[str, Any]) -> None:
        json = given.pop("json")
        with opened(settings) as adapters:
            parent = next(iter(given.values()), None)
            if parent and "dataset_group" in given:
                parent = dataset_group_of(adapters, settings, parent)
            found = list(adapters.registry.all(self._kind.resource, parent=parent))
            print_rows(found, self._commands.columns, json)

    def show(self, settings: Settings, given: dict[str, Any]) -> None:
        name, look = given["name"], self._commands.look
        with opened(settings) as adapters:
            if look is None:
                found = adapters.registry.get(self._kind.resource, name)
            else:
                found = look(adapters, name, clock.now())
            print_fields(found, given["json"])

    def create(self, settings: Settings, given: dict[str, Any]) -> None:
        json = given.pop("json")
        values = _values(self._commands.params, given)
        with opened(settings, makes=self._commands.begins) as adapters:
            if "dataset_group" in given:
                group = dataset_group_of(adapters, settings, given["dataset_group"])
                values["dataset_group"] = group
            print_fields(self._kind.make(adapters, values, clock.now()), json)

    def update(self, settings: Settings, given: dict[str, Any]) -> None:
        name, json = given.pop("name"), given.pop("json")
        changes = _values(self._commands.changes, given)
        assert self._kind.change is not None
        with opened(settings) as adapters:
            print_fields(self._kind.change(adapters, name, changes, clock.now()), json)

    def delete(self, settings: Settings, given: dict[str, Any]) -> None:
        with opened(settings) as adapters:
            self._kind.remove(adapters, given["name"], clock.now())

    def act(self, act: Action, settings: Settings, given: dict[str, Any]) -> None:
        with opened(settings) as adapters:
            print_fields(act(adapters, given["name"], clock.now()), given["json"])

    def parameter(self, one: str | Param) -> Parameter:
        if one == "name":
            return _parameter(one, str, typer.Argument(help=f"The {self._kind.word}."))
        if isinstance(one, str):
            return _annotated(one, DatasetGroupName, None)
        kind, bounds = _bounds(one.type or self._types[one.name])
        about: Any = {"help": one.help} | ({"show_default": one.unset} if one.unset else {})
        if not one.is_argument:
            option = typer.Option(*([one.flag] if one.flag else []), **(about | bounds))
            return _parameter(one.name, kind | None, option, None)
        if not one.unset:
            return _parameter(one.name, kind, typer.Argument(**about))
        return _parameter(one.name, kind | None, typer.Argument(**about), None)


def _values(params: Sequence[str | Param], given: Mapping[str, Any]) -> dict[str, Any]:
    readers = {one.name: one.read for one in params if isinstance(one, Param) and one.read}
    passed = {name: value for name, value in given.items() if value is not None}
    return {n: readers[n](value) if n in readers else value for n, value in passed.items()}


def _parameter(name: str, kind: Any, about: Any, default: Any = Parameter.empty) -> Parameter:
    return _annotated(name, Annotated[kind, about], default)


def _annotated(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_DATA_DIR = _annotated("data_dir", DataDir, None)
_JSON = _annotated("json", Json, default=False)


def _bounds(kind: Any) -> tuple[Any, dict[str, float]]:
    if get_origin(kind) in {Union, UnionType}:
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is not Annotated:
        return kind, {}
    plain, meta = get_args(kind)
    bounds = {"min": meta.ge, "max": meta.le}
    return plain, {name: bound for name, bound in bounds.items() if bound is not None}


def print_rows(rows: Sequence[object], fields: Sequence[str], json: bool = False) -> None:
    """Print a line for each of some values, with these fields of theirs, or JSON."""
    if json:
        print(msgspec.json.encode(rows).decode())
        return
    texts = (
        [_text(field, msgspec.to_builtins(getattr(row, field))) for field in fields] for row in rows
    )
    print_listing((field.replace("_", " ") for field in fields), texts, 200)


def print_fields(value: object, json: bool) -> None:
    """Print a line for each field that is not empty, or JSON."""
    if json:
        print(msgspec.json.encode(value).decode())
        return
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
    return _scalar(field, value)


def _scalar(field: str, value: Any) -> str:
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
