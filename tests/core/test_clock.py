"""The clock: the machine's, or a file's, in which a service lives; what waits freezes with none."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pawsonalize.app.adapters import opened
from pawsonalize.app.app import opened_app
from pawsonalize.app.asgi import build_app
from pawsonalize.app.configuration import check_clock_follows, unusable
from pawsonalize.app.settings import Settings, load_settings
from pawsonalize.app.upkeep import upkeep
from pawsonalize.core import clock
from pawsonalize.core.cached_lookup import CachedLookup
from pawsonalize.core.errors import InvalidInput, NotReady
from pawsonalize.core.scopes import OPERATOR, Scope
from pawsonalize.core.times import DAY, MINUTE, SECOND, iso, parse_moment
from pawsonalize.core.work.tasks import Reporting, attempt
from pawsonalize.recommend.animals import pages
from pawsonalize.resources.kind import new_recommendation_id
from tests.event_data import event
from tests.service_data import CATS, client_of, make_service, view

MORNING = parse_moment("2026-03-01T09:00:00Z", "moment")


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Writes the file by which this process lives, as a script does."""
    file = tmp_path / "clock"

    def write(text: str) -> None:
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(file)

    write("2026-03-01T09:00:00Z\n")
    clock.use_file(str(file))
    yield write
    clock.use_file("")


def test_the_clock_stands_at_the_moment_in_the_file_until_it_is_written_anew(
    write: Callable[[str], None],
) -> None:
    assert {clock.now() for _ in range(100)} == {MORNING}
    for seconds in range(1, 200):  # as fast as can be: no two of them in one look
        write(iso(MORNING + seconds * SECOND))
        assert clock.now() == MORNING + seconds * SECOND
    write(str(MORNING + DAY))
    assert clock.now() == MORNING + DAY
    assert abs(clock.real_now() - time.time() * SECOND) < MINUTE
    clock.use_file("")
    assert abs(clock.now() - clock.real_now()) < MINUTE


def test_a_file_that_tells_no_moment_or_goes_back_is_refused_with_the_next_move(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    assert clock.now() == MORNING
    for text, told in {
        "": "tells no time: '' must be ISO 8601 text",
        "noon": "tells no time: 'noon' must be ISO 8601 text",
        "12": "outside the years 1990 to 2100",
        "2026-03-01T08:59:59Z": "08:59:59.000Z, and held 2026-03-01T09:00:00.000Z before",
    }.items():
        write(text)
        with pytest.raises(NotReady, match=r"the setting clock_file is .*/clock") as error:
            clock.now()
        assert told in error.value.message
    (tmp_path / "clock").unlink()
    with pytest.raises(NotReady, match=r"No such file.*Write one there"):
        clock.now()
    write("2026-03-01T09:00:01Z")
    assert clock.now() == MORNING + SECOND


def test_a_writer_that_empties_the_file_first_is_waited_for(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    write("")
    late = threading.Timer(0.03, (tmp_path / "clock").write_text, ["2026-03-02T09:00:00Z"])
    late.start()
    assert clock.now() == MORNING + DAY
    late.join()


def test_threads_never_take_a_clock_that_moves_for_one_that_goes_back(
    write: Callable[[str], None],
) -> None:
    seen: list[list[int]] = [[], [], []]
    ended = threading.Event()

    def look(moments: list[int]) -> None:
        while not ended.is_set():
            moments.append(clock.now())

    threads = [threading.Thread(target=look, args=(one,)) for one in seen]
    for one in threads:
        one.start()
    for seconds in range(300):
        write(str(MORNING + seconds))
    ended.set()
    for one in threads:
        one.join()
    assert all(moments and moments == sorted(moments) for moments in seen)


def test_the_setting_makes_a_process_live_by_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "clock").write_text("2026-03-01T09:00:00Z")
    monkeypatch.setenv("PAWSONALIZE_CLOCK_FILE", str(tmp_path / "clock"))
    load_settings()
    assert clock.now() == MORNING
    monkeypatch.delenv("PAWSONALIZE_CLOCK_FILE")
    load_settings()
    assert clock.now() > MORNING


def test_a_played_clock_is_refused_where_the_public_would_meet_it(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    settings = Settings.of(data_dir=tmp_path, clock_file=str(tmp_path / "clock"))
    assert list(unusable(settings)) == []
    assert list(unusable(settings.changed(public_url="http://localhost:8080"))) == []
    for name, value in {"host": "0.0.0.0", "public_url": "https://pets.example.org"}.items():
        (told,) = unusable(settings.changed(**{name: value}))
        assert f"the setting clock_file is {tmp_path}/clock, and {name} is {value}" in told
        assert "Leave clock_file out" in told
    told = " ".join(unusable(settings.changed(engine="amazon-personalize", amazon_region="x-1")))
    assert "Amazon Personalize knows no time but its own" in told
    write("noon")
    (told,) = unusable(settings)
    assert "clock, and that file tells no time" in told


def test_a_clock_before_the_newest_event_is_refused_at_the_start(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    settings = Settings.of(data_dir=tmp_path / "data", clock_file=str(tmp_path / "clock"))
    with opened(settings) as adapters:
        check_clock_follows(adapters)
        adapters.log.append([event("e", received_at=MORNING + 1)])
        with pytest.raises(
            InvalidInput, match=r"the newest event came in 2026-03-01T09:00:00.001Z"
        ):
            check_clock_follows(adapters)
        write(iso(MORNING + 1))
        check_clock_follows(adapters)


def test_calls_are_refused_while_the_file_tells_no_moment_and_background_work_goes_on(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    write("2027-03-01T09:00:00Z")
    settings = make_service(tmp_path / "data", clock_file=str(tmp_path / "clock"))
    with client_of(build_app(settings)) as client:
        body: dict[str, Any] = view("ann", CATS[0])
        assert client.post("/v1/events", json=body).status_code == 202
        write("")
        refused = client.post("/v1/events", json=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
        assert "the setting clock_file is" in refused.json()["error"]["message"]
        write("2027-03-02T09:00:00Z")
        assert client.post("/v1/events", json=body).status_code == 202
    with opened(settings) as adapters:
        (before, after) = adapters.log.read(adapters.log.head() - 2, adapters.log.head(), 2)
        assert after.event.received_at - before.event.received_at == DAY
        write("")
        attempt("work", clock.now, Reporting(adapters.problems, "work"))  # which no loop survives


def test_while_the_clock_stands_still_caches_and_waits_end(
    write: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    cached = CachedLookup(looks.append, clock.passed, lasts=50)
    cached.find("key")
    cached.find("key")
    assert len(looks) == 1
    time.sleep(0.06)
    cached.find("key")
    assert len(looks) == 2
    write(iso(MORNING + SECOND))
    cached.find("key")
    assert len(looks) == 3

    async def never() -> bool:
        looks.append("written?")
        return False

    monkeypatch.setattr(pages, "_LOOK_AGAIN", 0.001)
    of_now = new_recommendation_id(clock.now())
    asyncio.run(pages.wait_until_written(of_now, clock.now, never))
    assert 10 < len(looks) < 50


def test_a_session_and_the_age_of_a_file_are_of_the_machines_clock(
    write: Callable[[str], None], tmp_path: Path
) -> None:
    settings = make_service(tmp_path / "data", access_keys="required", export_days=1)
    exported = tmp_path / "data" / "exports" / "new.csv"
    exported.parent.mkdir()
    exported.touch()
    with opened_app(settings) as app:
        key, secret = app.access_keys.create([Scope.OPERATOR], "", clock.real_now())
        session = app.admission.sign_in(f"{key.name}.{secret}", OPERATOR)
        write("2050-01-01T00:00:00Z")
        assert app.admission.of_session(session, OPERATOR).key_id == key.name
        dict(upkeep(app))["delete old exports"]()
        assert exported.exists()
        app.close()
