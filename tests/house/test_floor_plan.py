"""The rules of the house hold, and who breaks one is caught."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Set
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "pawsonalize").rglob("*.py"))


# Each forbidden import, the room it is planted in, and the rule that it breaks.
FORBIDDEN = [
    ("domain", "import numpy", "The domain is the standard library alone"),
    ("domain", "import msgspec", "The domain is the standard library alone"),
    ("domain", "import lark", "The domain is the standard library alone"),
    ("recipes", "import pawsonalize.engine", "Imports go down"),
    ("recipes", "import sqlalchemy", "Recipes, evaluation and the demo world"),
    ("storage", "import pawsonalize.archive", "Imports go down"),
    ("engine", "import pawsonalize.http", "Imports go down"),
    ("engine", "import pawsonalize.settings", "Imports go down"),
    ("engine", "import pawsonalize.storage.database", "Databases are opened in app"),
    ("engine", "import pawsonalize.artefacts.folder", "The engine sees ports, never adapters"),
    ("engine", "import pawsonalize.wings.notifications.notifiers", "Imports go down"),
    ("app", "import pawsonalize.wings.feeds.polling", "Imports go down"),
    ("wings/feeds", "import pawsonalize.wings.backup.backups", "Wings never import each other"),
    ("storage", "import pawsonalize.access", "Imports go down"),
    ("http", "import alembic", "SQL lives in storage"),
    ("engine", "import sqlalchemy", "SQL lives in storage"),
    ("kinds", "import pawsonalize.engine.ingest", "Imports go down"),
    ("engine/ingest", "import pawsonalize.engine.serving", "The engine's rooms"),
    ("engine/ingest", "import pawsonalize.engine.upkeep", "The engine's rooms"),
    ("engine/serving", "import pawsonalize.engine.training", "The engine's rooms"),
    ("engine/serving", "import pawsonalize.engine.upkeep", "The engine's rooms"),
    ("engine/training", "import pawsonalize.engine.reporting", "The engine's rooms"),
    ("engine", "import starlette", "HTTP lives in the doors"),
    ("http", "import pawsonalize.ui", "Imports go down"),
    ("http", "import sqlalchemy", "SQL lives in storage"),
    ("http", "import pawsonalize.aws", "Imports go down"),
    ("aws", "import pawsonalize.http", "Imports go down"),
    ("aws", "import pawsonalize.storage.tables", "Databases are opened in app"),
    ("engine", "import botocore", "AWS words live in their door"),
    ("cli", "import sqlalchemy", "SQL lives in storage"),
    ("app", "import pawsonalize.wings.fleet", "Imports go down"),
    ("wings/feeds", "import pawsonalize.wings.fleet", "Wings never import each other"),
]


def imports_of(tree: ast.AST, modules: Set[str]) -> Iterator[str]:
    """Yield the modules that a file imports, in functions and for types too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else node.module


def test_no_module_imports_in_a_circle_not_even_for_types() -> None:
    files = {
        ".".join(file.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(
            ".__init__"
        ): file
        for file in SOURCES
    }
    graph = {
        name: {one for one in imports_of(ast.parse(file.read_text()), files.keys()) if one != name}
        for name, file in files.items()
    }
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Check a copy of the source, with what is planted there."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source and its rules, to plant things into."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_is_keeps_every_rule() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


def test_every_forbidden_import_is_caught(copy: Path) -> None:
    planted = {}
    for number, (place, line, rule) in enumerate(FORBIDDEN):
        (copy / "src" / "pawsonalize" / place / f"planted_{number}.py").write_text(f"{line}\n")
        found = f"pawsonalize.{place.replace('/', '.')}.planted_{number} -> {line.split()[1]} "
        planted[found] = rule
    result = lint(copy)
    assert result.returncode == 1, result.stdout
    # The report explains each broken rule below its name, which a line of dashes follows.
    reasons = re.split(r"^(.+)\n-+$", result.stdout, flags=re.M)
    broken = dict(zip(reasons[1::2], reasons[2::2], strict=True))
    missed = [
        (found, rule)
        for found, rule in planted.items()
        if not any(name.startswith(rule) and found in why for name, why in broken.items())
    ]
    assert missed == [], result.stdout


def test_a_file_fits_a_sitting() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in SOURCES}
    assert SOURCES
    assert {file: lines for file, lines in lengths.items() if lines > 600} == {}


def test_no_folder_or_file_has_a_name_that_is_no_noun() -> None:
    homeless = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}
    assert not [file for file in SOURCES if homeless & {*file.with_suffix("").parts}]


def test_the_clock_is_read_in_one_place() -> None:
    readers = {
        file.name
        for file in SOURCES
        for sign in ("time.time", "datetime.now", "utcnow", "date.today")
        if sign in file.read_text()
    }
    assert readers == {"clock.py"}


def test_nothing_is_pickled() -> None:
    for file in SOURCES:
        text = file.read_text()
        assert "import pickle" not in text
        assert "allow_pickle=True" not in text


def test_nothing_is_known_by_an_address_that_another_object_gets_next() -> None:
    calls = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "id"
    ]
    assert calls == [], "keep the object itself, or what is unique for good"
