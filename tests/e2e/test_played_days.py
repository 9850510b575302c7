"""Days that are played by a clock in a file are days, for a server and all its processes."""

import json
import sys
from pathlib import Path

from pawsonalize.core.times import iso
from tests.e2e.conftest import run
from tests.e2e.walking import Walk, wait
from tests.house.test_code_blocks import blocks_of
from tests.plugins.notifications.receivers import SECRET, web_server

PAGE = Path("docs/how-to/play-past-days.md")
NIGHTS = [f"2026-03-{day:02}T03:00:00.000Z" for day in (6, 7, 8, 9, 10)]


def test_played_days_bring_exposure_outcomes_retrainings_and_the_letter_as_days_do(
    tmp_path: Path,
) -> None:
    with web_server() as receiver:
        walk = Walk(PAGE, tmp_path)
        walk.settings = {
            "letter_schedule": "0 8 * * 1",  # the server begins on a Thursday
            "notify_webhook_url": receiver.url,
            "notify_webhook_secret": SECRET,
        }
        try:
            for block in blocks_of(PAGE):
                if block.text == "python3 play.py":  # which ends, as no server does
                    walk.run(f"{sys.executable} play.py")
                else:
                    walk.do(block)
            wait(lambda: any(b'"letter-' in post.body for post in receiver.posts))
            shares = walk.call("/v1/animals/exposure").json()["shares"]
            outcomes = walk.call("/v1/outcomes").json()
            runs = walk.call("/v1/runs?limit=100").json()["runs"]
        finally:
            for server in walk.servers:
                assert server.stop() == 0
    told = [json.loads(post.body) for post in receiver.posts]

    # 150 pages of twelve, and fewer where fewer animals were left.
    shown = sum(share["shown"] for share in shares if share["by"] == "species")
    assert shown > 500
    assert {share["value"] for share in shares if share["by"] == "waiting"} == {"under 14 days"}
    of_pages = outcomes["policies"][0]
    assert (of_pages["name"], of_pages["answers"]) == ("recommended", 150)
    assert of_pages["adoptions"] == outcomes["total"]["adoptions"] > 5
    assert outcomes["firstAnswer"] == "2026-03-05T09:00:00.000Z"
    assert outcomes["total"]["stays"]["meanOfAdopted"] < 5

    # Each night its run, in a process of its own, and one letter of Monday at eight.
    of_nights = [one for one in runs if one["startedAt"] in NIGHTS]
    assert [one["startedAt"] for one in reversed(of_nights)] == NIGHTS
    assert {one["endedAt"] for one in of_nights} == set(NIGHTS)
    trained = [half["trainingStatus"] for one in of_nights for half in one["halves"]]
    assert "ACTIVE" in trained
    letters = [one for one in told if one["kind"] == "letter"]
    assert [iso(one["happenedAt"]) for one in letters] == ["2026-03-09T08:00:00.000Z"]
    assert " went home, " in letters[0]["subject"]
    *_, printed, _ = (walk.said[number] for number in sorted(walk.said))
    assert "Went home in the last seven days" in printed, "by the clock of the server"
    assert all(night[:10].replace("-", "") in printed for night in NIGHTS)


def test_a_server_in_another_time_is_refused_beside_a_public_address(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("2026-03-01T09:00:00Z")
    settings = {"clock_file": str(tmp_path / "clock"), "access_keys": "open"}
    data = ("--data-dir", str(tmp_path / "data"))
    refused = run("serve", *data, "--host", "0.0.0.0", "--port", "0", **settings)
    assert refused.returncode == 2
    assert f"the setting clock_file is {tmp_path}/clock, and host is 0.0.0.0" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data").exists()
