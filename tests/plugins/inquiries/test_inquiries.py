"""Inquiries from the form, through the API and in the inbox."""

import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from markupsafe import escape
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.notifications import Notification
from pawsonalize.plugins.inquiries.taking import InquiryDraft
from pawsonalize.plugins.notifications.notifiers import as_text
from tests.service_data import client_of, make_service

ON: dict[str, Any] = {
    "inquiries": True,
    "inquiries_per_hour": 1_000,
    "public_url": "https://pets.example.org/",
    "notify_email_to": "shelter@example.org",
    "notify_email_from": "pets@example.org",
    "notify_smtp_url": "smtp://127.0.0.1:9",
    "site": True,
}
NINA = {"id": "nina", "name": "Nina", "species": "dog", "breed": "Pug", "size": "small"}
GONE = {**NINA, "id": "gone", "name": "Max", "status": "adopted"}
FIELDS = {
    "animalId": "nina",
    "name": "Ann Onymous",
    "contact": "ann@home.example",
    "message": "May I meet <Nina> on Saturday?",
}


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("inquiries"), train=False, **ON)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        listed = client.put("/v1/animals", json=[{**one, "age": "adult"} for one in (NINA, GONE)])
        assert listed.json()["rejected"] == []
        yield client


def send(client: TestClient, path: str = "/inquiries", **fields: str) -> Any:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.post(path, content=urlencode({**FIELDS, **fields}), headers=form)


def inbox(client: TestClient, **search: str) -> Any:
    return client.get("/v1/console/inquiries", params=search).json()


def news_of(settings: Settings) -> list[Notification]:
    with opened(settings) as adapters:
        found = adapters.deliveries.newest(100)
    assert {one.notifier for one in found} <= {"email"}, "a log would keep a name"
    return sorted((one.notification for one in found), key=lambda one: one.kind)


def test_what_a_visitor_writes_reaches_the_shelter_once_and_is_answered(
    client: TestClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = client.get("/animals/nina").text
    assert "Ask about Nina" in page
    for _ in range(2):
        answer = send(client)
        assert answer.status_code == 200, answer.text
        assert "The shelter has your question about Nina" in answer.text
    to_shelter, to_visitor = news_of(settings)
    assert (to_shelter.text, to_shelter.reply_to) == (FIELDS["message"], FIELDS["contact"])
    assert to_shelter.details["url"] == "https://pets.example.org/console/inquiries?animalId=nina"
    assert to_visitor.recipient == FIELDS["contact"]
    assert "Ann" not in to_visitor.text, "whose address it is may not be who wrote"
    (one,) = inbox(client)["inquiries"]
    history = client.get(f"/v1/sessions/{one['sessionId']}/history").json()["events"]
    assert [(event["eventType"], event["animal_id"]) for event in history] == [("inquiry", "nina")]
    assert "✓</span> You asked about Nina" in client.get("/animals/nina").text
    assert "Ann" not in caplog.text


def test_a_visitor_is_answered_in_the_language_of_the_page_and_the_shelter_in_its_own(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("languages")
    settings = make_service(folder, train=False, **{**ON, "language": "es"})
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        client.put("/v1/animals", json=[{**NINA, "age": "adult"}])
        client.get("/?lang=de")
        assert "zu Nina" in send(client).text
        wrong = send(client, contact="ann <at> home").text
        assert "&#39;ann &lt;at&gt; home&#39; ist keine E-Mail-Adresse" in wrong
        for fields in ({"name": " "}, {"message": "x" * 1_501}, {"animalId": "nobody"}):
            assert "Meldung des Dienstes" not in send(client, **fields).text
        body = {**FIELDS, "sessionId": "s-1"}
        for language in ("en", ""):
            sent = {**body, "message": f"Hi {language}", "language": language}
            assert client.post("/v1/inquiries", json=sent).status_code == 202
    news = news_of(settings)
    assert {one.subject for one in news if not one.recipient} == {"Consulta sobre Nina"}
    assert "Responder a: ann@home.example\nEn la bandeja de entrada: https://" in news[0].mail
    assert {one.subject for one in news if one.recipient} == {
        "Deine Nachricht zu Nina",
        "Your message about Nina",
        "Tu mensaje sobre Nina",
    }
    answer = next(one for one in news if one.subject.startswith("Deine"))
    assert as_text(answer) == answer.mail == f"{answer.text}\n", "no line for machines"


def test_the_inbox_moves_an_inquiry_on_and_links_its_animal_and_its_visitor(
    client: TestClient,
) -> None:
    send(client)
    (one,) = inbox(client)["inquiries"]
    page = client.get("/console/inquiries").text
    assert "May I meet &lt;Nina&gt; on Saturday?" in page
    elsewhere = client.get("/console/animals").text
    assert re.search(r'Inquiries <span class="count">1<span class="unseen"> new<', elsewhere)
    assert 'href="/console/animals/id/nina"' in page
    assert f"/console/visitors?sessionId={one['sessionId']}" in page
    done = send(client, "/console/inquiries/state", inquiryId=one["inquiryId"], state="answered")
    assert "The inquiry about Nina is answered." in done.text
    assert 'class="count"' not in done.text
    assert inbox(client)["states"] == {"new": 0, "answered": 1, "closed": 0}
    assert inbox(client)["inquiries"] == []
    assert inbox(client, animalId="nina")["inquiries"][0]["state"] == "answered"
    wrong = send(client, "/console/inquiries/state", inquiryId=one["inquiryId"], state="lost")
    assert (wrong.status_code, "tate must be new, answered, closed" in wrong.text) == (400, True)
    gone = send(client, "/console/inquiries/state", inquiryId="x", state="closed")
    assert gone.status_code == 404


def test_each_mistake_in_a_form_is_named_and_nothing_is_kept(client: TestClient) -> None:
    for fields, status, said in (
        ({"name": " "}, 400, "Your name: nothing is written there"),
        ({"contact": "ann at home"}, 400, "no e-mail address and no telephone number"),
        ({"contact": "-- -- --"}, 400, "no telephone number"),
        # No header of a mail can hold these, and its message would never be delivered.
        ({"contact": "ann@[.org"}, 400, "no e-mail address"),
        ({"contact": "ann\u2028bcc@a.org"}, 400, "no e-mail address"),
        ({"contact": "ann:@a.org"}, 400, "no e-mail address"),
        (
            {"message": "x" * 1_501},
            400,
            "Your message: that has 1,501 characters. Write 1,500 at most",
        ),
        ({"animalId": "nobody"}, 404, "not here, or not any more"),
        ({"animalId": "gone"}, 409, "not here, or not any more"),
    ):
        answer = send(client, **fields)
        found = said.lower() in answer.text.lower()
        assert (answer.status_code, found) == (status, True), (fields, answer.text)
        if "contact" in fields:
            assert f">{escape(FIELDS['message'])}</textarea>" in answer.text, "nothing is lost"
    assert "Ask about" not in client.get("/animals/gone").text
    assert inbox(client)["inquiries"] == []
    assert send(client, contact="+49 (30) 123-456").status_code == 200
    # A browser counts a line's end as one character, and sends two.
    assert send(client, message="x\r\n" * 749 + "xx").status_code == 200


def test_a_program_that_fills_in_all_fields_sends_nothing(
    client: TestClient, settings: Settings
) -> None:
    answer = send(client, website="https://casino.example")
    assert "Your message was sent" in answer.text
    assert (inbox(client)["inquiries"], news_of(settings)) == ([], [])


def test_a_sites_own_server_hands_inquiries_on(client: TestClient) -> None:
    body = {**FIELDS, "sessionId": "s-1", "userId": "ann"}
    first, second = (client.post("/v1/inquiries", json=body) for _ in range(2))
    assert (first.status_code, first.json()["isNew"]) == (202, True), first.text
    assert second.json() == {**first.json(), "isNew": False}
    (one,) = inbox(client)["inquiries"]
    assert (one["userId"], one["inquiryId"]) == ("ann", first.json()["inquiryId"])
    wrong = client.post("/v1/inquiries", json={**body, "contact": "?"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (400, "contact")


def test_one_address_sends_so_many_forms_an_hour(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("few")
    settings = make_service(folder, train=False, **{**ON, "inquiries_per_hour": 1})
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        client.put("/v1/animals", json=[{**NINA, "age": "adult"}])
        assert send(client).status_code == 200
        answer = send(client, message="And on Sunday?")
        assert (answer.status_code, "Try again in" in answer.text) == (429, True)


def test_without_the_setting_nobody_is_asked_to_write_and_nothing_is_taken(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("off")
    settings = make_service(folder, train=False, **{**ON, "inquiries": False})
    with client_of(build_app(settings), raise_server_exceptions=False) as client:
        client.put("/v1/animals", json=[{**NINA, "age": "adult"}])
        assert "Ask about" not in client.get("/animals/nina").text
        answer = send(client)
        assert (answer.status_code, "set inquiries to true" in answer.text) == (404, True)


def test_an_address_is_written_to_as_headers_can_hold_it() -> None:
    for contact, mail in (
        ("ann@münchen.example", "ann@xn--mnchen-3ya.example"),
        ("jürgen@a.example", ""),
        ("ann@" + "ü" * 64 + ".example", ""),
        ("+49 30 123456", ""),
    ):
        draft = InquiryDraft.read("nina", "Ann", contact, "Hello")
        assert (draft.contact, draft.mail) == (contact, mail)
