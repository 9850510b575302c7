"""The advice through the command, from the tables of a service."""

import json
from pathlib import Path

from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.core.event import Event
from pawsonalize.core.times import DAY
from tests.animal_data import animal
from tests.event_data import T0, event


def test_the_advice_counts_the_service_itself_and_says_where_that_is_too_little(
    tmp_path: Path,
) -> None:
    command = ["live-tests", "advise", "--data-dir", str(tmp_path)]
    now = clock.now()
    with opened(Settings(data_dir=tmp_path)) as adapters:
        adapters.log.append([_seen(k, now) for k in range(280)])
    few = CliRunner().invoke(app, command)
    assert few.exit_code == 0, few.output
    assert few.stdout == (
        "Too few figures for advice, in 14 days: 0 adoptions (needs 10), 0 available (needs 1).\n"
    )
    with opened(Settings(data_dir=tmp_path)) as adapters:
        listed = now - 60 * DAY
        waiting = [animal(f"w{k}", listed=listed, shelter=f"s{k % 2}") for k in range(70)]
        gone = [animal(f"g{k}", listed=listed, adopted=now - k * DAY - 1) for k in range(20)]
        adapters.animals.put([*waiting, *gone], now)
    as_json = CliRunner().invoke(app, [*command, "--json"])
    told = json.loads(as_json.stdout)
    assert told["traffic"] == {
        "days": 14,
        "visits": 280,
        "inquiries": 40,
        "adoptions": 14,
        "available": 70,
        "shelters": 2,
    }
    assert told["advice"]["design"] == "interleave"
    assert told["lacks"] == ""
    text = CliRunner().invoke(app, command).stdout
    assert "Fits here: interleave. " in text
    assert "one stays about 70 days" in text
    found = told["advice"]["days"]["interleave"]
    assert f"{found[2]:,.1f}" in text
    for design, wrong in told["advice"]["others"].items():
        assert design in text
        assert wrong.split(":")[0] in " ".join(text.split()), "what is wrong with the others"


def _seen(number: int, now: int) -> Event:
    """A visit, every seventh with an inquiry, spread over the newest 14 days."""
    at = now - T0 - 1 - number * DAY // 20
    kind = "view" if number % 7 else "inquiry"
    return event(f"e{number}", user=None, session=f"v{number}", at=at, event_type=kind)
