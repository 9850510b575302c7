"""The commands that list, show and change resources."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.databases import root_key_source
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.config import Secret
from pawsonalize.core.errors import Conflict, InvalidInput
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import DAY, MINUTE
from pawsonalize.recommend.live_model import LiveModel, Loader, ServingSettings
from tests.event_data import T0
from tests.service_data import make_service
from tests.training import train


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder with two versions, `one` and `two`; none is served."""
    settings = make_service(tmp_path, train=False)
    with opened(settings) as adapters:
        train(adapters, T0 + 1, name="one")
        train(adapters, T0 + 2, recipe="popularity-count", name="two")
    return settings


def command(settings: Settings, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--data-dir", str(settings.data_dir)])
    if done.exception is not None:
        raise done.exception
    return done.stdout


def decoded(settings: Settings, *words: str) -> Any:
    return json.loads(command(settings, *words, "--json"))


def serve(settings: Settings) -> str:
    """What a server that looks once now serves."""
    with opened(settings) as adapters:
        loader = Loader(adapters.registry, adapters.artefacts)
        live = LiveModel("recommender", adapters.campaigns, loader, ServingSettings())
        live.refresh(T0)
        return live.current.version.name


def test_a_campaign_is_updated_served_and_rolled_back(settings: Settings) -> None:
    for name in ("one", "two"):
        asked = decoded(settings, "campaigns", "update", "recommender", name)
        assert asked["latest_update"]["status"] == "CREATE PENDING"
        assert serve(settings) == name
    shown = command(settings, "campaigns", "show", "recommender")
    assert "status ACTIVE" in shown
    back = decoded(settings, "campaigns", "rollback", "recommender")
    assert (back["solution_version"], back["previous_version"]) == ("one", "two")
    assert serve(settings) == "one"
    listed = command(settings, "campaigns", "ls")
    assert "previous version" in listed
    with pytest.raises(Conflict, match="look again"):
        command(settings, "campaigns", "update", "recommender", "two", "--revision", "1")


def test_an_access_key_is_created_listed_and_taken_back(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    shown = command(settings, "keys", "create", "--scope", "events", "--note", "the site")
    lines = dict(line.split("=", 1) for line in shown.splitlines())
    key, secret = lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"]
    assert lines.pop("PAWSONALIZE_KEY") == f"{key}.{secret}"
    assert set(lines) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    created = decoded(settings, "keys", "create")
    assert created["scopes"] == ["operator"]
    listed = decoded(settings, "keys", "ls")
    assert [key["name"] for key in listed] == [created["accessKeyId"], lines["AWS_ACCESS_KEY_ID"]]
    assert lines["AWS_SECRET_ACCESS_KEY"] not in command(settings, "keys", "ls")
    command(settings, "keys", "delete", created["accessKeyId"])
    assert [key["note"] for key in decoded(settings, "keys", "ls")] == ["the site"]


def test_a_key_for_pages_that_names_no_origin_says_what_it_is_good_for(tmp_path: Path) -> None:
    make = ["keys", "create", "--data-dir", str(tmp_path), "--scope"]
    assert "it names no origin" in CliRunner().invoke(app, [*make, "browser"]).stderr
    page = ["browser", "--origin", "https://shelter.example"]
    for given in (page, ["events"]):
        assert "no origin" not in CliRunner().invoke(app, [*make, *given]).stderr


def test_a_key_that_is_rotated_ends_after_an_overlap(tmp_path: Path) -> None:
    settings, page = Settings(data_dir=tmp_path), "https://shelter.example"
    given = ("--scope", "browser", "--origin", page, "--rate", "9/second", "--note", "pages")
    old = decoded(settings, "keys", "create", *given)["accessKeyId"]
    new = decoded(settings, "keys", "rotate", old, "--overlap-days", "2")["accessKeyId"]
    keys = {key["name"]: key for key in decoded(settings, "keys", "ls")}
    for name in ("scopes", "origins", "rate", "note"):
        assert keys[new][name] == keys[old][name]
    assert keys[new]["expires_at"] is None
    assert keys[old]["expires_at"] == pytest.approx(clock.now() + 2 * DAY, abs=MINUTE)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--origin", "shelter.example"), "no origin"),
        (("--origin", "https://shelter.example/"), "no origin"),
        (("--rate", "often"), "no rate"),
    ],
)
def test_a_key_with_a_wrong_origin_or_rate_is_not_made(
    tmp_path: Path, wrong: tuple[str, str], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        command(Settings(data_dir=tmp_path), "keys", "create", *wrong)


def test_what_commands_change_is_in_the_audit_log(settings: Settings) -> None:
    command(settings, "dataset-groups", "create", "audited")
    command(settings, "dataset-groups", "ls")
    with pytest.raises(Conflict):
        command(settings, "dataset-groups", "create", "audited")
    failed, done = decoded(settings, "audit", "ls", "--limit", "2")
    for one, outcome in ((failed, "failed"), (done, "done")):
        one.pop("at")
        assert one == {
            "who": "command line",
            "what": "dataset-groups create",
            "target": "audited",
            "outcome": outcome,
        }
    assert "dataset-groups create  audited  done" in command(settings, "audit", "ls")


def test_a_root_key_of_the_settings_serves_several_servers(tmp_path: Path) -> None:
    shared = Settings(data_dir=tmp_path, access_key_root=Secret("ab" * 32))
    with opened(shared) as one, opened(shared) as other:
        key, secret = one.access_keys.create([Scope.EVENTS], "", T0)
        assert other.access_keys.find(key.name) == (key, secret)
        assert not list(tmp_path.glob("access-keys*"))
        with pytest.raises(InvalidInput, match="64 hexadecimal"):
            root_key_source(Settings(access_key_root=Secret("short")))


def test_a_solution_is_tuned_from_now_on_until_it_is_not(settings: Settings) -> None:
    words = ("solutions", "tune", "recommender", "--trials")
    tuned = decoded(settings, *words, "20", "--seconds", "600")
    assert tuned["tuning"] == {"trials": 20, "seconds": 600.0, "ranges": {}}
    with opened(settings) as adapters:
        created = adapters.versions.create("recommender", as_of=T0, now=T0)
        assert created.tuning is not None
        assert created.tuning.trials == 20
    assert decoded(settings, *words, "0")["tuning"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("--tune", "0"), "1 to 200 trials"),
        (("--tune", "5", "--tune-seconds", "0"), "--tune-seconds more than 0"),
        (("--tune-seconds", "9"), "say how many trials"),
        (("--tune", "3", "--mode", "UPDATE"), "tune in mode FULL"),
    ],
)
def test_a_tuning_that_cannot_be_is_refused_before_the_training(
    settings: Settings, wrong: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        command(settings, "train", "--solution", "recommender", *wrong)
