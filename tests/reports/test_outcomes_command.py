"""`pawsonalize outcomes` on a small log."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput, NotFound
from pawsonalize.core.times import DAY, iso
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.service_data import make_service

SPAN = ("--since", iso(T0), "--until", iso(T0 + 120 * DAY))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One beagle is adopted after 10 days, another waits."""
    settings = make_service(tmp_path / "data", train=False)
    with opened(settings) as adapters:
        adapters.animals.put([animal("rex", adopted=T0 + 10 * DAY), animal("max")], T0)
        adapters.log.append([event("adopted", event_type="adoption", at=10 * DAY)])
    return settings


def outcomes(settings: Settings, *words: str) -> str:
    done = CliRunner().invoke(app, ["outcomes", *words, "--data-dir", str(settings.data_dir)])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def test_the_report_is_printed_and_the_curves_are_drawn(settings: Settings, tmp_path: Path) -> None:
    picture = tmp_path / "waiting.svg"
    printed = outcomes(settings, *SPAN, "--svg", str(picture))
    assert "50.0 (" in printed, "the mean of 10 and 90 days"
    assert "nobody can say" in printed
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    lines = drawn.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2
    assert lines[0].get("points", "").count(",") > 3


def test_json_has_the_weights_that_were_given(settings: Settings) -> None:
    report = json.loads(outcomes(settings, *SPAN, "--json", "--weight", "adoption=3"))
    # Nobody said which animal it was, so the record's adoption of Rex counts beside it.
    assert (report["total"]["adoptions"], report["total"]["value"]) == (2, 6)
    assert report["total"]["stays"]["rmst90"]["mean"] == 50


def test_a_wrong_weight_and_a_bad_file_name_the_next_move(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="no outcome is called view"):
        outcomes(settings, "--weight", "view=1")
    with pytest.raises(InvalidInput, match="choose another"):
        outcomes(settings, "--svg", str(settings.data_dir / "nowhere" / "x.svg"))


def test_a_version_that_nobody_can_judge_is_told_so_in_words(settings: Settings) -> None:
    words = ("--data-dir", str(settings.data_dir))
    trained = CliRunner().invoke(app, ["train", "--recipe", "item-knn", "--json", *words])
    version = json.loads(trained.stdout)[0]["name"]
    told = CliRunner().invoke(app, ["ope", "--policy", version, *words]).stdout
    assert f"Not enough to tell what {version} would have earned: " in told
    assert "turn exploration on" in told
    found = json.loads(
        CliRunner().invoke(app, ["ope", "--policy", version, "--json", *words]).stdout
    )
    assert (found["policy"], found["estimate"], found["rows"]) == (version, None, 0)
    gone = CliRunner().invoke(app, ["ope", "--policy", "gone", *words])
    assert isinstance(gone.exception, NotFound)
