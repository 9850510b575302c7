"""Machines with data folders of their own, one database and one bucket."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput, StorageUnavailable
from pawsonalize.core.scopes import Scope
from pawsonalize.recommend.live_model import LiveModel
from pawsonalize.resources.defaults import RECOMMENDER
from tests.artefact_data import Fleet, fleet_of
from tests.event_data import T0
from tests.service_data import SETTINGS, make_service
from tests.training import train_and_serve

DEAD_PORT = "http://127.0.0.1:9"


@pytest.fixture
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with fleet_of(request, "s3") as fleet:
        yield fleet


def settings_of(fleet: Fleet, machine: str) -> Settings:
    options: dict[str, Any] = {"database_url": fleet.database_url, "artefact_url": fleet.url}
    return Settings.of(data_dir=fleet.folder / machine, **SETTINGS, **options)


def serving(adapters: Adapters, settings: Settings) -> LiveModel:
    return adapters.live_model(RECOMMENDER)


def version_of(live: LiveModel) -> str:
    return live.current.version.name


def test_what_one_machine_trains_another_serves_and_an_outage_changes_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    url: dict[str, Any] = {"database_url": fleet.database_url, "artefact_url": fleet.url}
    first = make_service(fleet.folder / "a", train=False, **url)
    second = settings_of(fleet, "b")
    with opened(first) as here, opened(second) as there:
        one = train_and_serve(here, T0 + 1000)
        live = serving(there, second)
        assert live.refresh(T0 + 2000)
        assert version_of(live) == one.name
        two = train_and_serve(here, T0 + 3000)
        with monkeypatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", DEAD_PORT)
            with opened(second) as cut_off:
                restarted = serving(cut_off, second)
                with pytest.raises(StorageUnavailable, match="not on this machine yet"):
                    restarted.refresh(T0 + 4000)
                campaigns = cut_off.campaigns
                campaigns.update(RECOMMENDER, one.name, T0 + 4000)
                assert restarted.refresh(T0 + 4000), "this version is in its cache"
                assert version_of(restarted) == one.name
                campaigns.update(RECOMMENDER, two.name, T0 + 5000)
                with pytest.raises(StorageUnavailable):
                    restarted.refresh(T0 + 5000)
                assert version_of(restarted) == one.name, "answers go on"
                assert campaigns.get(RECOMMENDER).pending is not None
        assert live.refresh(T0 + 6000)
        assert version_of(live) == two.name
    assert not (first.data_dir / "models").exists()


def test_a_machine_that_lost_its_data_folder_serves_again(fleet: Fleet) -> None:
    url: dict[str, Any] = {"database_url": fleet.database_url, "artefact_url": fleet.url}
    make_service(fleet.folder / "a", **url)
    with opened(settings_of(fleet, "new")) as adapters:
        live = serving(adapters, settings_of(fleet, "new"))
        assert live.refresh(T0 + 2000)
        assert adapters.archiver.archive_once() > 0
    assert sorted({key.split("/")[0] for key in fleet.objects.list()}) == ["archive", "models"]


def test_the_root_key_of_access_keys_must_not_lie_in_a_data_folder(fleet: Fleet) -> None:
    settings = settings_of(fleet, "a")
    with opened(settings) as adapters:
        with pytest.raises(InvalidInput, match="PAWSONALIZE_ACCESS_KEY_ROOT to what `openssl"):
            adapters.access_keys.create([Scope.EVENTS], "", T0)
        (settings.data_dir / "access-keys.root").write_text(secrets.token_hex(32))
        with pytest.raises(InvalidInput, match=r"to what .*access-keys\.root has"):
            adapters.access_keys.create([Scope.EVENTS], "", T0)


@pytest.fixture
def run(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command on a machine of the fleet."""
    monkeypatch.setenv("PAWSONALIZE_DATABASE_URL", fleet.database_url)
    monkeypatch.setenv("PAWSONALIZE_ARTEFACT_URL", fleet.url)
    monkeypatch.setenv("PAWSONALIZE_DATA_DIR", str(fleet.folder / "a"))
    return lambda *words: CliRunner().invoke(app, words)


def test_a_server_for_a_network_does_not_start_without_the_root_key(run: Any) -> None:
    refused = run("serve", "--host", "0.0.0.0", "--port", "0").exception
    assert isinstance(refused, InvalidInput)  # the program's exit code is 2 then
    assert "PAWSONALIZE_ACCESS_KEY_ROOT" in refused.message


def test_the_doctor_names_what_would_be_lost_with_the_machine(
    run: Any, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_service(fleet.folder / "a", database_url=fleet.database_url, artefact_url=fleet.url)
    (fleet.folder / "a" / "access-keys.root").write_text(secrets.token_hex(32))
    monkeypatch.delenv("PAWSONALIZE_DATABASE_URL")
    told = " ".join(run("doctor").output.split())
    assert "the database is a file of this machine" in told
    assert "the root key of the access keys is a file of this machine" in told
    assert "set database_url to a PostgreSQL" in told


def test_the_doctor_says_that_the_bucket_does_not_answer(
    run: Any, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_service(
        fleet.folder / "a", train=False, database_url=fleet.database_url, artefact_url=fleet.url
    )
    told = " ".join(run("doctor").output.split())
    assert "the object store did not answer" not in told
    monkeypatch.setenv("AWS_ENDPOINT_URL", DEAD_PORT)
    told = " ".join(run("doctor").output.split())
    assert "the object store did not answer: check its address" in told


def test_an_evaluation_is_copied_to_where_machines_share_it(run: Any, fleet: Fleet) -> None:
    make_service(
        fleet.folder / "a", train=False, database_url=fleet.database_url, artefact_url=fleet.url
    )
    done = run("evaluate", "--recipe", "popularity-count")
    assert done.exit_code == 0, done.output
    assert f"{fleet.url}/evaluation" in done.output.replace("\n", "")
    assert sorted(fleet.objects.list("evaluation")) == [
        "evaluation/evaluation.json",
        "evaluation/evaluation.svg",
    ]


def test_a_bucket_of_no_known_kind_is_refused_with_the_next_move(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, artefact_url="floppy://a")
    with (
        pytest.raises(InvalidInput, match=r"cannot use floppy://a.*s3://bucket/prefix"),
        opened(settings),
    ):
        pass
