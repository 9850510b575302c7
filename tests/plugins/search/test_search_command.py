"""`pawsonalize search` shows what words find, and how they were read."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from tests.animal_data import animal
from tests.service_data import make_service


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = make_service(tmp_path, train=False)
    with opened(made) as adapters:
        kinds = ("2-Beagle-1-3", "2-Boxer-3-3", "1-Manx-1-1")
        named = [animal(f"a{n}", one, name=f"Tom {n}") for n, one in enumerate(kinds)]
        adapters.animals.put(named, clock.now())
    return made


def searched(settings: Settings, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["search", *arguments, "--data-dir", str(settings.data_dir)])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_says_how_the_words_were_read_and_lists_who_fits(settings: Settings) -> None:
    shown = searched(settings, "large dogs called tom")
    assert "dog (species:dogs)" in shown
    assert "Tom 1" in shown
    assert "Tom 2" not in shown
    assert "Tom 0" in shown.partition("these nearly fit:")[2]
    without = searched(settings, "large dogs called tom", "--without", "size:large")
    assert "Tom 0" in without


def test_its_json_is_what_the_api_answers(settings: Settings) -> None:
    body = json.loads(searched(settings, "beagle", "--json"))
    assert [one["id"] for one in body["animals"]] == ["a0"]
    assert [one["label"] for one in body["rules"]] == ["beagle"]
