"""The doctor finds each of many planted faults, and says what to do about it."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pawsonalize.app.adapters import Adapters, opened
from pawsonalize.app.checks import CheckedService, Diagnosis, Verdict
from pawsonalize.app.doctor import clocks, examine_all
from pawsonalize.app.model_checks import refresh, schedules
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.errors import PawsonalizeError
from pawsonalize.core.roles import WORK
from pawsonalize.core.scopes import Scope
from pawsonalize.core.times import DAY, HOUR
from pawsonalize.core.work.servers import ServerProcess, ServerTable
from pawsonalize.plugins.dead_letters.letters import DeadLetter, DeadLetters
from pawsonalize.plugins.feeds.polling import listed_feeds, polling
from pawsonalize.resources.solutions import SolutionVersion
from pawsonalize.train.retraining.runs import Trigger
from tests.animal_data import animal
from tests.calibration_data import calibration
from tests.event_data import T0, event
from tests.service_data import make_service
from tests.training import train_and_serve

_Usage = namedtuple("_Usage", "total used free")

Plant = Callable[[Adapters, Settings, pytest.MonkeyPatch], Settings | None]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faults")
    with opened(make_service(folder, train=False)) as adapters:
        train_and_serve(adapters, clock.now())
    return folder


@pytest.fixture
def service(world: Path, tmp_path: Path) -> Settings:
    """A copy of a service in which all is well."""
    shutil.copytree(world, tmp_path / "data")
    return Settings(data_dir=tmp_path / "data")


def found(settings: Settings) -> dict[str, Diagnosis]:
    """What needs attention, by the check's name."""
    wrong = [one for one in examine_all(settings) if one.verdict is Verdict.ATTENTION]
    return {one.check: one for one in wrong}


def folder_that_others_read(adapters: Adapters, settings: Settings, _: object) -> None:
    settings.data_dir.chmod(0o755)


def full_disk(_a: Adapters, _s: Settings, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shutil, "disk_usage", lambda _path: _Usage(10**9, 10**9 - 10**6, 10**6))


def misspelt_variable(_a: Adapters, _s: Settings, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("PAWSONALIZE_PROT", "9000")


def damaged_model(adapters: Adapters, settings: Settings, _: object) -> None:
    card = next(settings.models_dir.glob("recommender-*/card.json"))
    card.write_text("{}")


def old_model(adapters: Adapters, _s: Settings, _: object) -> None:
    train_and_serve(adapters, T0 + 5_000)


def model_that_is_off(adapters: Adapters, _s: Settings, _: object) -> None:
    for version in list(adapters.registry.all(SolutionVersion)):
        rows = calibration(at_low_places=800)
        adapters.registry.assign(SolutionVersion, version.name, clock.now(), calibration=rows)


def failed_feed(adapters: Adapters, settings: Settings, _: object) -> Settings:
    file = settings.data_dir / "feeds.yaml"
    file.write_text("north:\n  url: http://127.0.0.1:9/animals.csv\n  schedule: rate(1 day)\n")
    with_feed = replaced(settings, feeds_file=str(file))
    poll, listed = polling(with_feed, adapters), listed_feeds(with_feed)
    with pytest.raises(PawsonalizeError):
        poll.take("north", listed["north"].source, clock.now())
    return with_feed


def postcode_without_a_table(adapters: Adapters, _s: Settings, _: object) -> None:
    adapters.animals.put([animal("rex", postcode="95350", shelter="North")], T0)


def postcode_that_the_table_lacks(adapters: Adapters, settings: Settings, _: object) -> Settings:
    postcode_without_a_table(adapters, settings, None)
    file = settings.data_dir / "postcodes.csv"
    file.write_text("postcode,latitude,longitude\n95351,37.7,-121.0\n")
    return replaced(settings, postcode_table=str(file))


def feed_that_nobody_fetches(adapters: Adapters, settings: Settings, _: object) -> Settings:
    file = settings.data_dir / "feeds.yaml"
    file.write_text("south:\n  url: http://127.0.0.1:9/x.csv\n  schedule: 0 0 1 1 *\n")
    return replaced(settings, feeds_file=str(file))


def clock_that_went_back(adapters: Adapters, _s: Settings, _: object) -> None:
    later = clock.now() + HOUR
    adapters.log.append([replace(event("later"), sent_at=later, received_at=later)])


def nobody_may_call(_a: Adapters, settings: Settings, _: object) -> Settings:
    return replaced(settings, host="0.0.0.0")


def anybody_may_call(_a: Adapters, settings: Settings, _: object) -> Settings:
    return replaced(settings, host="0.0.0.0", access_keys="open")


def expired_key(adapters: Adapters, settings: Settings, _: object) -> None:
    keys = adapters.access_keys
    keys.create([Scope.SITE], "the site", clock.now(), expires_at=clock.now() - 1)


def lost_root_key(adapters: Adapters, settings: Settings, _: object) -> None:
    adapters.access_keys.create([Scope.SITE], "", clock.now())
    (settings.data_dir / "access-keys.root").unlink()


def unknown_field(adapters: Adapters, _s: Settings, _: object) -> None:
    raw = '{"sessionId":"s","eventType":"view","itemId":"2-Beagle-2-3","petName":"Rex"}'
    adapters.log.append([event("raw", raw=raw)])


def unknown_type(adapters: Adapters, _s: Settings, _: object) -> None:
    adapters.log.append([event("boop", event_type="Boop")])


def letters_of_a_stream(adapters: Adapters, _s: Settings, _: object) -> None:
    letter = DeadLetter(
        "kinesis://clicks", "pawsonalize", T0, b"?", code="invalid_json", message="m", field=None
    )
    DeadLetters(adapters.database).keep([letter])


def standing_problem(adapters: Adapters, settings: Settings, _: object) -> None:
    adapters.problems.report("archive", "the bucket does not answer", clock.now())


def broken_file(adapters: Adapters, settings: Settings, _: object) -> None:
    file = settings.data_dir / "pawsonalize.sqlite3"
    content = bytearray(file.read_bytes())
    content[20_000:60_000] = b"\x00" * 40_000
    file.write_bytes(content)


def replaced(settings: Settings, **changes: object) -> Settings:
    return settings.changed(**changes)


@pytest.mark.parametrize(
    ("plant", "check", "message", "fix"),
    [
        (folder_that_others_read, "data folder", "others may read it", "--mend-rights"),
        (full_disk, "disk", "MB are free", "free some space"),
        (misspelt_variable, "settings", "PAWSONALIZE_PROT", "did you mean PAWSONALIZE_PORT?"),
        (broken_file, "database", "damaged", "bring the file back from a copy"),
        (damaged_model, "model of recommender", "cannot be read", "campaigns rollback"),
        (old_model, "model of recommender", "days ago", "pawsonalize runs ls"),
        (model_that_is_off, "calibration of recommender", "places 25 to 48", "check-integration"),
        (failed_feed, "feed north", "failed", "pawsonalize animals fetch north"),
        (postcode_without_a_table, "postcodes", "no postcode_table places", "GeoNames"),
        (postcode_that_the_table_lacks, "postcodes", "distance: 95350 (North)", "correct"),
        (feed_that_nobody_fetches, "feed south", "never fetched", "pawsonalize animals fetch"),
        (clock_that_went_back, "clock", "the clock went back", "NTP"),
        (nobody_may_call, "keys", "nobody may call 0.0.0.0", "pawsonalize keys create"),
        (anybody_may_call, "keys", "anybody who reaches 0.0.0.0", "set access_keys to required"),
        (expired_key, "key ", "(the site) is refused since", "pawsonalize keys rotate"),
        (lost_root_key, "root key", "cannot be read", "put it back from a backup"),
        (unknown_field, "unknown fields", "petName (1)", "into `properties`"),
        (unknown_type, "event types", "Boop (1)", "setting event_types"),
        (letters_of_a_stream, "dead letters", "1 wait", "pawsonalize dead-letters ls"),
        (standing_problem, "problem: archive", "the bucket does not answer", ""),
    ],
)
def test_a_planted_fault_is_found_with_its_fix(
    service: Settings,
    monkeypatch: pytest.MonkeyPatch,
    plant: Plant,
    check: str,
    message: str,
    fix: str,
) -> None:
    assert found(service) == {}
    with opened(service) as adapters:
        settings = plant(adapters, service, monkeypatch) or service
    wrong = {name: one for name, one in found(settings).items() if name.startswith(check)}
    assert len(wrong) == 1, found(settings)
    (finding,) = wrong.values()
    assert message in finding.message
    assert fix in f"{finding.message} {finding.next_move}"


def server_that_works(adapters: Adapters, started_at: int) -> None:
    """As one that lives and retrains would be listed; the list says nothing of its health."""
    server = ServerProcess("n", "vm", 8080, (WORK,), "0.1.0", "0021", 20, started_at)
    ServerTable(adapters.database).heartbeat(server)


def test_counts_that_follow_no_more_are_found(service: Settings) -> None:
    now = clock.now()
    with opened(service) as adapters:
        server_that_works(adapters, now - DAY)
        assert [one.verdict for one in refresh(CheckedService(adapters, now))] == [Verdict.FINE]
        adapters.log.append([event("unseen")])
        finding = next(refresh(CheckedService(adapters, now)))
    assert finding.verdict is Verdict.ATTENTION
    assert "lack 1 events" in finding.message
    assert "start it again" in finding.next_move


def test_counts_that_lag_during_a_retraining_are_explained_by_it(service: Settings) -> None:
    now = clock.now()
    with opened(service) as adapters:
        server_that_works(adapters, now - DAY)
        adapters.log.append([event("unseen")])
        run = adapters.runs.begin(Trigger.COMMAND, now - HOUR)
        findings = list(refresh(CheckedService(adapters, now)))
    assert [one.verdict for one in findings] == [Verdict.FINE]
    assert f"lack 1 events, the first from 2026-05-17T12:00:00.000Z: {run.run_id} retrains" in (
        findings[0].message
    )
    assert f"pawsonalize runs show {run.run_id}" in findings[0].next_move


def test_clocks_are_compared_at_one_moment_however_long_other_checks_took(
    database_url: str, tmp_path: Path
) -> None:
    settings = make_service(tmp_path / "data", train=False, database_url=database_url)
    began = clock.now() - HOUR
    with opened(settings) as adapters:
        adapters.log.append([replace(event("new"), received_at=clock.now())])
        findings = list(clocks(CheckedService(adapters, began)))
    assert [one.verdict for one in findings] == [Verdict.FINE], findings


def test_a_retraining_that_was_due_and_did_not_begin_is_found(service: Settings) -> None:
    settings = replaced(service, retrain_schedule="rate(1 day)")
    midday = clock.now() // DAY * DAY + 12 * HOUR
    with opened(settings) as adapters:
        checked = CheckedService(adapters, midday)
        assert [one.verdict for one in schedules(checked)] == [Verdict.FINE], "no server was there"
        server_that_works(adapters, midday - 2 * DAY)
        (finding,) = schedules(checked)
    assert finding.verdict is Verdict.ATTENTION
    assert "did not begin" in finding.message
    assert "retrain_here" in finding.next_move
