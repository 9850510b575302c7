"""The names that other distributions import: what is here changes with a release of warning."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pawsonalize

STUB = Path(pawsonalize.__file__).with_suffix(".pyi")
ROOT = Path(__file__).parents[2]
_NAMES = """
    About Adapters Attributes CONTROL_PLANE Check CheckPlace CheckedService Command
    Comparison Confirmation Conflict Context ContextEvent CorruptArtefact Count Countable
    Database Dataset Diagnosis Done EASE FittedRecommender Form IndexedModel InvalidInput
    ItemIndex ItemKNN Kept Link Model ModelCard NotFound NotReady OPERATOR Operations
    OwnHistory PageAction PawsonalizeError Plugin Popularity Positive Random Range Recipe
    RecipeSettings Recommender RequestParameter SITE Services Settings Share Table Task
    Transitions TrendingNow UserPersonalization View ViewQuery attention counts_of evaluate
    fine finite make_card metadata on_data read_card read_form weights
"""
PROMISED = _NAMES.split()


def test_the_public_face_has_the_promised_names_and_each_can_be_imported() -> None:
    assert vars(pawsonalize)["__all__"] == PROMISED
    assert all(hasattr(pawsonalize, name) for name in PROMISED)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pawsonalize.no_such_name  # type: ignore[attr-defined]


def test_the_types_of_the_face_come_from_where_its_names_lie() -> None:
    imports = [one for one in ast.parse(STUB.read_text()).body if isinstance(one, ast.ImportFrom)]
    typed = {alias.name: one.module for one in imports for alias in one.names}
    assert typed == {
        name: f"pawsonalize.{module}" for name, module in vars(pawsonalize)["_MODULE_OF"].items()
    }


def test_an_import_of_the_package_loads_nothing_else_of_it() -> None:
    code = "import pawsonalize, sys; print([one for one in sys.modules if 'pawsonalize.' in one])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_examples_import_public_names_alone() -> None:
    files = [*(ROOT / "examples").rglob("*.py")]
    assert len(files) > 5
    for file in files:
        for one in ast.walk(ast.parse(file.read_text())):
            if isinstance(one, ast.ImportFrom) and str(one.module).startswith("pawsonalize"):
                assert one.module in {"pawsonalize", "pawsonalize.testing"}, file
                assert {alias.name for alias in one.names} <= {*PROMISED, "RecipeChecks"}, file
