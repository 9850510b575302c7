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
PACKAGES = sorted(ROOT.glob("packages/*/src"))
SOURCES = sorted(file for place in (ROOT / "src", *PACKAGES) for file in place.rglob("*.py"))


_DOWN = "Imports go down"
_SQL, _HTTP, _AWS = "SQL stands in tables", "HTTP stands in endpoints", "What AWS calls things"
_PURE, _PLUGINS = "Models and the demo world", "Plugins never import each other"
_SEPARATE = "The service never imports a plugin"
_INTERFACES = "Endpoints and commands are imported by app alone"
# Each forbidden import, the folder it is planted in, and the rule that it breaks.
FORBIDDEN = [
    ("core", "import pawsonalize.models.recipes", _DOWN),
    ("core", "import pawsonalize.resources.registry", _DOWN),
    ("models/recipes", "import pawsonalize.resources.kind", _DOWN),
    ("models/recipes", "import sqlalchemy", _PURE),
    ("models/evaluation", "import starlette", _PURE),
    ("resources", "import pawsonalize.animals.inventory", _DOWN),
    ("animals", "import pawsonalize.events.ingest", _DOWN),
    ("events", "import pawsonalize.recommend.query", _DOWN),
    ("recommend", "import pawsonalize.train.trainer", _DOWN),
    ("recommend", "import pawsonalize.operations.limits", _DOWN),
    ("recommend", "import pawsonalize.app.settings", _DOWN),
    ("train", "import pawsonalize.reports.report", _DOWN),
    ("reports", "import pawsonalize.operations.retention", _DOWN),
    ("operations", "import pawsonalize.app.adapters", _DOWN),
    ("operations", "import pawsonalize.site.words", _DOWN),
    ("aws", "import pawsonalize.site.words", _DOWN),
    ("site", "import pawsonalize.aws.arn", _DOWN),
    ("app", "import pawsonalize.plugins.feeds.polling", _DOWN),
    ("app", "import pawsonalize.plugins.fleet", _DOWN),
    ("train", "import pawsonalize.recommend.endpoints.answers", _INTERFACES),
    ("operations", "import pawsonalize.train.commands.trainings", _INTERFACES),
    ("site", "import pawsonalize.animals.endpoints", _INTERFACES),
    ("plugins/feeds", "import pawsonalize.plugins.backup.backups", _PLUGINS),
    ("plugins/feeds", "import pawsonalize.plugins.fleet", _PLUGINS),
    ("core", "import pawsonalize_streams.reading", _SEPARATE),
    ("plugins/fleet", "import pawsonalize_out_of_core", _SEPARATE),
    ("animals", "import sqlalchemy", _SQL),
    ("recommend/endpoints", "import sqlalchemy", _SQL),
    ("app", "import alembic", _SQL),
    ("recommend", "import starlette", _HTTP),
    ("events", "import starlette", _HTTP),
    ("core", "import uvicorn", _HTTP),
    ("recommend", "import botocore", _AWS),
    ("core", "import boto3", _AWS),
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
        ".".join(file.relative_to(place).with_suffix("").parts).removesuffix(".__init__"): file
        for place in (ROOT / "src", *PACKAGES)
        for file in place.rglob("*.py")
    }
    assert len(files) == len(SOURCES) > 400
    graph = {
        name: {one for one in imports_of(ast.parse(file.read_text()), files.keys()) if one != name}
        for name, file in files.items()
    }
    # A table of signatures, which those import who ask: it names their types, and imports none.
    graph["pawsonalize.app.ports"] = set()
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Check a copy of the source, with what is planted there."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (folder / "src", *PACKAGES)))},
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
