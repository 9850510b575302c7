"""From the call to the archive: events as they came in."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.event import MAX_RAW_CHARS
from tests.service_data import client_of

EVENT = {"sessionId": "s", "eventType": "view", "itemId": "1-Siamese-1-1", "utm": {"source": "ü"}}


def archived(folder: Path) -> list[dict[str, Any]]:
    """The rows of the archive."""
    found = []
    for path in sorted((folder / "archive").rglob("*.zst")):
        lines = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
        found += [json.loads(line) for line in lines.splitlines()]
    return found


@pytest.mark.parametrize("kept", [True, False])
def test_what_a_site_sent_is_in_the_archive_to_the_letter(tmp_path: Path, kept: bool) -> None:
    sent = json.dumps(EVENT, ensure_ascii=False, indent=2)
    around = '{"Partitionkey": "p", "Data": ' + sent + "}"
    with client_of(build_app(Settings(data_dir=tmp_path, archive_raw=kept))) as client:
        body = f'{{"events": [{sent}, {around}]}}'
        assert client.post("/v1/events", content=body.encode()).json()["accepted"] == 2
    rows = archived(tmp_path)
    assert [row.get("raw") for row in rows] == ([sent, around] if kept else [None, None])


def test_an_event_too_long_for_that_is_counted(tmp_path: Path) -> None:
    long = {**EVENT, "utm": "x" * MAX_RAW_CHARS}
    name = "pawsonalize_events_too_long_to_keep_raw_total"
    with client_of(build_app(Settings(data_dir=tmp_path))) as client:
        assert client.post("/v1/events", json=[long, EVENT]).json()["accepted"] == 2
        lines = client.get("/metrics").text.splitlines()
    assert [float(one.split()[1]) for one in lines if one.startswith(name)] >= [1.0]
    assert [("raw" in row) for row in archived(tmp_path)] == [False, True]
