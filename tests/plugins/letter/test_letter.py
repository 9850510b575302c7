"""The letter to the shelter: what it says, and that it is sent once."""

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.app.configuration import not_in_tables, unusable
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.times import DAY, iso
from pawsonalize.core.work.problems import Outbox
from pawsonalize.core.work.tables import Turns
from pawsonalize.plugins.letter.writing import TURN, LetterPost, WeekOfAnimals
from pawsonalize.train.retraining.schedule import read_schedule
from tests.service_data import client_of, make_service

URL = "https://pets.example.org"
ADOPTED = {"status": "adopted"}
PUG = {"species": "dog", "breed": "Pug", "size": "small", "age": "adult"}
WHOLE = {
    "photos": ["https://pets.example.org/n.jpg"],
    "description": "Calm.",
    **dict.fromkeys(("goodWithKids", "goodWithDogs", "goodWithCats"), "yes"),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = make_service(tmp_path, train=False, public_url=f"{URL}/")
    with client_of(build_app(settings)) as client:
        fill(client)
    return settings


def fill(client: TestClient) -> None:
    animals = [
        {**PUG, "id": "nina", "name": "Nina <3", "listedAt": "2026-01-01"},
        {**PUG, **WHOLE, "id": "a/b", "name": "Bo", "listedAt": "2026-02-01"},
        {**PUG, "id": "max", "name": "Max", "listedAt": "2026-01-01"},
        {**PUG, "id": "held", "name": "Held", "listedAt": "2026-01-01"},
        {**PUG, "id": "old", "listedAt": "2025-01-01", "outcomeAt": "2025-02-01"},
    ]
    answer = client.put("/v1/animals", json=animals)
    assert answer.json()["rejected"] == [], answer.text
    held = {"status": "hold", "at": iso(clock.now() - 20 * DAY)}
    for animal, change in (("held", held), ("held", ADOPTED), ("max", ADOPTED)):
        done = client.post(f"/v1/animals/{animal}/status", json=change)
        assert done.status_code == 200, done.text


def test_it_says_who_went_home_who_waits_and_what_their_records_lack(settings: Settings) -> None:
    with opened(settings) as adapters:
        letter = WeekOfAnimals(adapters.database).letter(clock.now(), f"{URL}/")
        later = WeekOfAnimals(adapters.database).letter(clock.now() + 8 * DAY, "")
    text = letter.as_text()
    assert letter.subject == "2 went home, 2 waiting"
    assert f"- Max (dog, Pug)\n  {URL}/console/animals/id/max\n" in text
    assert "- Nina <3 (dog, Pug), " in text
    assert f"{URL}/console/animals/id/a%2Fb" in text
    lacks = "no photo, no description, nobody knows about kids, dogs and cats"
    assert f"- Nina <3 (dog, Pug): {lacks}\n" in text
    assert "Bo (dog, Pug):" not in text, "nothing of Bo is missing"
    assert "1 of all: no photo" in text
    assert f'<a href="{URL}/console/animals/id/nina">Nina &lt;3 (dog, Pug), ' in letter.as_html()
    assert later.subject == "0 went home, 2 waiting"
    assert "http" not in later.as_text()


def test_it_is_in_the_language_of_the_shelter(settings: Settings) -> None:
    with opened(settings) as adapters:
        german, spanish = (
            WeekOfAnimals(adapters.database, tag).letter(clock.now(), URL) for tag in ("de", "es")
        )
    assert german.subject == "2 vermittelt, 2 warten"
    lacks = "kein Foto, keine Beschreibung, Verträglichkeit unbekannt: Kinder, Hunde und Katzen"
    assert f"- Nina <3 (Hund, Pug): {lacks}\n" in german.as_text()
    assert '<html lang="de">' in german.as_html()
    assert ">Alle auf der Konsole</a>" in german.as_html()
    assert spanish.subject == "2 con hogar, 2 a la espera"
    unknown = Settings.of(data_dir=settings.data_dir, language="fr")
    assert [*unusable(unknown)] == ["language must be one of de, en, es, not 'fr'"]


def test_each_time_brings_one_letter_by_all_that_reach_people(settings: Settings) -> None:
    now = clock.now()
    with opened(settings) as adapters:
        week, schedule = WeekOfAnimals(adapters.database), read_schedule("0 8 * * 1", "UTC")
        assert schedule is not None
        turns, deliveries = Turns(adapters.database, TURN), adapters.deliveries
        outbox = Outbox(deliveries, ["log", "email", "sns"])
        post = LetterPost(schedule, lambda at: week.letter(at, URL), outbox, turns)
        post.send_due(now)
        assert deliveries.newest(9) == [], "nothing is due for a time before the schedule"
        for later in (7 * DAY, 7 * DAY + 1, 14 * DAY):
            post.send_due(now + later)
        sent = deliveries.newest(9)
    assert len({one.notification.notification_id for one in sent}) == 2
    assert sorted(one.notifier for one in sent) == ["email", "email", "sns", "sns"]


def test_the_command_prints_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWSONALIZE_PUBLIC_URL", URL)
    folder = ["--data-dir", str(settings.data_dir)]
    printed = CliRunner().invoke(app, ["letter", *folder])
    assert printed.stdout.startswith(
        "2 went home, 2 waiting\n\nWent home in the last seven days: 2\n"
    )
    assert f"{URL}/console/animals/id/nina" in printed.stdout
    as_json = CliRunner().invoke(app, ["letter", "--json", *folder])
    assert json.loads(as_json.stdout)["subject"] == "2 went home, 2 waiting"


def test_a_letter_that_reaches_nobody_or_has_no_time_is_refused(tmp_path: Path) -> None:
    nobody = Settings.of(data_dir=tmp_path, letter_schedule="0 8 * * 1")
    make_service(tmp_path, train=False)
    assert any("the weekly letter reaches nobody" in one for one in not_in_tables(nobody))
    never = Settings.of(data_dir=tmp_path, letter_schedule="Mondays")
    assert any("Mondays is no schedule" in str(one) for one in unusable(never))
