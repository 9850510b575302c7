"""Limits by address hold for who tells another address each time."""

from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.e2e.conftest import Start
from tests.header_tricks import Headers, through_a_proxy, tricks

NINA = {"id": "nina", "name": "Nina", "species": "dog", "breed": "Pug", "age": "adult"}
FIELDS = {"animalId": "nina", "name": "Ann", "contact": "ann@home.example"}
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("trusted", ["", "127.0.0.1"])
def test_twenty_of_twenty_six_inquiries_pass_however_their_headers_differ(
    start: Start, tmp_path: Path, trusted: str
) -> None:
    more = {"inquiries": "true", "site": "true", "trusted_proxies": trusted}
    notify = {"notify_email_to": "a@b.example", "notify_email_from": "a@b.example"}
    server = start(tmp_path / "data", **more, **notify, notify_smtp_url="smtp://127.0.0.1:9")

    def sent(number: int, headers: Headers) -> int:
        text = urlencode({**FIELDS, "message": f"message {number}"})
        given = through_a_proxy(headers) if trusted else headers
        return client.post("/inquiries", content=text, headers=[FORM, *given]).status_code

    with server.client() as client:
        assert client.put("/v1/animals", json=[NINA]).json()["rejected"] == []
        statuses = [sent(number, headers) for number, headers in enumerate(tricks())]
    assert statuses == [303] * 20 + [429] * 6
    warned = server.output.read_text().count("X-Forwarded-For is not believed")
    assert warned == (0 if trusted else 1)
