"""Nothing in tests and benchmarks replaces a name that does not exist.

`setattr(module, "Runtime", …)` makes the name where it is gone: nobody reads it, and whatever was
to be replaced goes on as it is. A benchmark measured the service against itself so.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("benchmarks", "tests", "docs", "packages", "packaging", "deploy")
_REPLACES = {"setattr", "delattr", "patch", "object", "multiple"}
_UNKNOWN = object()


def files() -> list[Path]:
    found = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(found) > 500
    return found


class Names:
    """The names that a file imports, wherever in it, and what they are."""

    def __init__(self, tree: ast.Module) -> None:
        self._origins: dict[str, tuple[str, str | None]] = {}
        bound: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    name = one.asname or one.name.partition(".")[0]
                    module = one.name if one.asname else name
                    self._origins[name] = (module, None)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for one in node.names:
                    self._origins[one.asname or one.name] = (node.module, one.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
        # A parameter or variable of the same name somewhere may be meant.
        self._origins = {name: at for name, at in self._origins.items() if name not in bound}

    def read(self, node: ast.expr) -> Any:
        """What `name` or `name.attribute` is at import; `_UNKNOWN` if only running it tells."""
        if isinstance(node, ast.Attribute):
            owner = self.read(node.value)
            return (
                _UNKNOWN
                if owner is _UNKNOWN
                else inspect.getattr_static(owner, node.attr, _UNKNOWN)
            )
        if not isinstance(node, ast.Name) or node.id not in self._origins:
            return _UNKNOWN
        module, name = self._origins[node.id]
        return dotted(module if name is None else f"{module}.{name}")


def dotted(path: str) -> Any:
    """What a dotted path names; `_UNKNOWN` if nothing."""
    parts = path.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ImportError:
            continue
        for part in parts[size:]:
            found = getattr(found, part, _UNKNOWN)
        return found
    return _UNKNOWN


def text_of(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def faults(tree: ast.Module, resolved: list[str]) -> Iterator[tuple[int, str]]:
    """Each replacement that would pass without its name, by line; `resolved` gets the others."""
    names = Names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, names, resolved)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Attribute):
                    owner = names.read(target.value)
                    if _is_place(owner) and not hasattr(owner, target.attr):
                        yield node.lineno, f"there is no {ast.unparse(target)}"


def _is_place(owner: Any) -> bool:
    return isinstance(owner, ModuleType | type)


def _of_call(node: ast.Call, names: Names, resolved: list[str]) -> Iterator[tuple[int, str]]:
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if called not in _REPLACES:
        return
    for keyword in node.keywords:
        option = f"{keyword.arg}={ast.unparse(keyword.value)}"
        if option in {"raising=False", "create=True"}:
            yield node.lineno, f"{called}(…, {option}) takes a name that is gone"
    is_builtin = isinstance(node.func, ast.Name) and called in {"setattr", "delattr"}
    if is_builtin and _is_place(names.read(node.args[0])):
        yield node.lineno, f"{ast.unparse(node)[:60]}: use patch or monkeypatch"
    path = None if is_builtin else _replaced(called, node.args, names)
    if path is not None:
        resolved.append(path[0])
        if not path[1]:
            yield node.lineno, f"there is no {path[0]}"


def _replaced(called: str, given: list[ast.expr], names: Names) -> tuple[str, bool] | None:
    """The name that a patch replaces, and whether it exists; None if only running it tells."""
    path = text_of(given[0]) if given else None
    if path is not None and "." in path and called != "object":
        return path, dotted(path) is not _UNKNOWN
    name = text_of(given[1]) if len(given) > 1 else None
    if name is None or called not in {"setattr", "delattr", "object"}:
        return None
    owner = names.read(given[0])
    if not _is_place(owner):
        return None
    return f"{ast.unparse(given[0])}.{name}", hasattr(owner, name)


def test_every_name_that_is_replaced_exists() -> None:
    resolved: list[str] = []
    found = [
        f"{file.relative_to(ROOT)}:{line}: {fault}"
        for file in files()
        for line, fault in faults(ast.parse(file.read_text(encoding="utf-8")), resolved)
    ]
    assert found == []
    assert len(resolved) > 100


@pytest.mark.parametrize(
    "source",
    [
        'from pawsonalize.app import app\nsetattr(app, "Runtime", None)',
        "from pawsonalize.app import app\napp.Runtime = None",
        "import pawsonalize.app.app\npawsonalize.app.app.Runtime = None",
        'def test(monkeypatch):\n    monkeypatch.setattr("pawsonalize.app.app.Runtime", None)',
        "from pawsonalize.app import app\n"
        'def test(monkeypatch):\n    monkeypatch.setattr(app, "Runtime", None)',
        "def test(monkeypatch, world):\n"
        '    monkeypatch.setattr(world, "anything", None, raising=False)',
        "from unittest.mock import patch\n"
        'def test(world):\n    patch.object(world, "anything", create=True)',
        'from unittest.mock import patch\npatch("pawsonalize.app.app.Runtime")',
    ],
)
def test_a_name_that_is_gone_is_found(source: str) -> None:
    assert len(list(faults(ast.parse(source), []))) == 1


def test_a_name_that_exists_is_let_through() -> None:
    source = (
        "from unittest.mock import patch\nfrom pawsonalize.app import app\n"
        "def test(monkeypatch, world):\n"
        '    monkeypatch.setattr(app, "App", None)\n'
        '    monkeypatch.setattr("pawsonalize.core.clock.now", None)\n'
        '    patch.object(app.App, "catch_up")\n'
        "    world.value = 1\n"
    )
    resolved: list[str] = []
    assert list(faults(ast.parse(source), resolved)) == []
    assert len(resolved) == 3
