"""The upload of a feed on the console, as a browser without scripts sends its forms."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from pawsonalize.plugins.feeds.uploads import MAX_UPLOAD_BYTES
from tests.plugins.console.test_console_pages import words
from tests.plugins.feeds.shelter_lists import SEVEN
from tests.plugins.feeds.test_uploads import SHELTER
from tests.service_data import make_key, make_service

_UPLOAD = "/console/animals/upload"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_service(tmp_path_factory.mktemp("uploads"), train=False, access_keys="required")


@pytest.fixture(scope="module")
def browser(service: Settings) -> Iterator[TestClient]:
    """An operator who has signed in."""
    app = build_app(service)
    with TestClient(app, "http://127.0.0.1:8080", raise_server_exceptions=False) as client:
        client.post("/console/sign-in", data={"key": make_key(service, Scope.OPERATOR)})
        yield client


def send(browser: TestClient, content: bytes = SHELTER, **fields: str) -> httpx.Response:
    """Upload a file; the page that one is led to."""
    files = {"file": ("animals.csv", content)}
    answer: httpx.Response = browser.post(_UPLOAD, data=fields, files=files)
    return answer


def choose(browser: TestClient, page: httpx.Response, **changes: str) -> httpx.Response:
    """Send the form of a page with some changes; `do` is the button."""
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)">(.*?)</select>', page.text, re.S):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        fields[name] = "" if chosen is None else chosen[1] or chosen[2]
    fields["source"] = (re.search(r'name="source" value="([^"]*)"', page.text) or [""] * 2)[1]
    given = {html.unescape(name): html.unescape(value) for name, value in fields.items()}
    answer: httpx.Response = browser.post(f"{_UPLOAD}/choices", data={**given, **changes})
    return answer


def test_the_pages_name_their_own_fields_and_no_option_of_a_command(browser: TestClient) -> None:
    rows = [b"id;name;species;born", *(b"w%d;Kim %d;dog;2020-05-06" % (n, n) for n in range(12))]
    twelve, unsure = b"\n".join(rows), b"id;name;species;born\n1;Kim;dog;03/04/2024\n"
    first = send(browser, twelve, source="words-a", holds="complete")
    choose(browser, first, do="import")
    said = {
        "an empty form": words(browser.get(_UPLOAD)),
        "a first file": words(first),
        "animals of another system": words(send(browser, twelve, source="words-b")),
        "dates that may be either": words(send(browser, unsure, source="words-c")),
    }
    assert "“Where the file is from”" in said["animals of another system"]
    assert "“Order of dates”" in said["dates that may be either"]
    assert not {
        place: re.findall(r"--[a-z-]+", text) for place, text in said.items() if "--" in text
    }


def test_a_file_is_shown_mended_and_imported_after_its_page_said_what_that_does(
    browser: TestClient, service: Settings
) -> None:
    page = send(browser, source="south")
    seen = words(page)
    assert "No column is taken for species: choose the one that holds it." in seen
    assert "cp1252 · semicolons between" in seen
    assert "Müsli" in seen
    assert "Import it" not in seen
    mended = {"column.KIND": "SPECIES", "column.RACE": "BREED", "column.CAME IN": "INTAKEAT"}
    page = choose(browser, page, **mended)
    seen = words(page)
    assert "3 new, 0 left, 1 row refused" in seen
    assert "dates with the day first" in seen
    assert "wee 1 row" in seen
    # What changes with the button to import is shown first.
    page = choose(browser, page, **{"meaning.size.wee": "small", "do": "import"})
    seen = words(page)
    assert "Nothing is imported yet" in seen
    assert "wee 1 row" not in seen
    seen = words(choose(browser, page, do="import"))
    assert "animals.csv: 4 rows: 3 new, 0 changed, 0 unchanged, 0 removed, 1 rejected." in seen
    assert "Files of south" in seen
    with opened(service) as adapters:
        assert adapters.inventory.get("south:a2").size == "1"
    assert "No column is taken" not in words(send(browser, source="south"))


def test_the_json_says_what_the_page_says(browser: TestClient, service: Settings) -> None:
    page = send(browser, b"id,species\nz1,dog\n", source="json")
    headers = {"Authorization": f"Bearer {make_key(service, Scope.OPERATOR)}"}
    name = dict(page.url.params)["upload"]
    found = browser.get("/v1/console/uploads", params={"upload": name}, headers=headers).json()
    assert found["outcome"]["created"] == 1
    assert found["columns"][1] == {"name": "SPECIES", "field": "species", "examples": ["dog"]}


def test_a_list_says_first_what_may_be_wrong_and_then_who_will_be_visible(
    browser: TestClient, service: Settings
) -> None:
    seen = words(send(browser, SEVEN.encode("cp1252"), source="seven"))
    assert "4 will be visible, 1 on hold, 2 gone" in seen
    assert "No longer there: Mimi (adopted), Max (removed)." in seen
    page = send(browser, SEVEN.replace("Vermittlungsstand", "Chip").encode(), source="seven")
    page = choose(browser, page, **{"column.CHIP": ""})
    seen = words(page)
    warned = "No column says who is still there: all 7 will be shown."
    assert seen.index(warned) < seen.index("7 will be visible, 0 on hold, 0 gone")
    headers = {"Authorization": f"Bearer {make_key(service, Scope.OPERATOR)}"}
    name = dict(page.url.params)["upload"]
    found = browser.get("/v1/console/uploads", params={"upload": name}, headers=headers).json()
    assert found["warnings"] == [warned[0].lower() + warned[1:-1]]
    assert (found["visible"], found["onHold"], found["gone"], found["leaving"]) == (7, 0, 0, [])


def test_a_file_without_columns_shows_its_fields(browser: TestClient) -> None:
    seen = words(send(browser, b'{"id": "j1", "species": "dog", "name": "Rex"}\n'))
    assert "Recognised as jsonl" in seen
    assert "1 new, 0 left, 0 rows refused" in seen
    assert "name Rex" in seen


def test_an_upload_that_cannot_be_read_says_why(
    browser: TestClient, subtests: pytest.Subtests
) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=b"}
    cases: list[tuple[bytes, dict[str, str], str]] = [
        (b"", {}, "as multipart/form-data"),
        (b"", boundary, "no file came"),
        (b"--wrong", boundary, "form cannot be read"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", boundary, "cannot be read"),
        (b"", {"Content-Type": "multipart/form-data"}, "cannot be read"),
    ]
    for body, headers, reason in cases:
        with subtests.test(reason=reason):
            answer = browser.post(_UPLOAD, content=body, headers=headers)
            assert answer.status_code == 400
            assert reason in answer.text.lower()
    came_from = {"Referer": f"http://127.0.0.1:8080{_UPLOAD}?period=7d"}
    assert send(browser, b"id,species\n", written="9" * 5_000).status_code == 200
    files = {"file": ("animals.xlsx", b"PK\x03\x04")}
    answer = browser.post(_UPLOAD, files=files, headers=came_from)
    assert "no Excel workbook that can be read" in answer.text
    assert f'<a href="{_UPLOAD}?period=7d">Back to the form</a>' in answer.text
    assert "may have 16 MB here" in send(browser, b"x" * (MAX_UPLOAD_BYTES + (1 << 20))).text


def test_choices_of_an_older_page_change_nothing(browser: TestClient) -> None:
    page = send(browser, b"id,species\nq1,dog\n")
    choose(browser, page, holds="complete")
    answer = choose(browser, page, do="import")
    assert answer.status_code == 409
    assert "load its page again" in answer.text
    assert browser.get(f"{_UPLOAD}?upload=nothing").status_code == 404


def test_choices_that_no_page_offers_are_refused_by_name(browser: TestClient) -> None:
    page = send(browser, b"id,species\nf1,dog\n")
    for wrong in ({"encoding": "klingon"}, {"separator": "xx"}, {"dates": "never"}):
        answer = choose(browser, page, **wrong)
        assert answer.status_code == 400
        assert "".join(wrong.values()) in answer.text
    page = choose(browser, page, **{"column.ID": "NOPE", "column.SPECIES": "NOPE"})
    assert "No column is taken for id" in words(page)
    assert "must be one of jsonl" in words(choose(browser, page, format="nope"))


def test_a_program_uploads_by_the_choices_that_the_console_keeps_and_tries_first(
    browser: TestClient, service: Settings
) -> None:
    url, key = "/v1/animals/uploads?source=program", make_key(service, Scope.SITE)
    headers = {"Authorization": f"Bearer {key}"}
    tried = browser.post(f"{url}&dryRun=true", content=SHELTER, headers=headers).json()
    assert (tried["imported"], tried["report"]["outcome"]) == (False, None)
    assert "no column is taken for species" in tried["report"]["error"]
    refused = browser.post(url, content=SHELTER, headers=headers)
    assert refused.status_code == 400, refused.text
    page = browser.get(tried["page"])
    mended = {"column.KIND": "SPECIES", "column.RACE": "BREED", "column.CAME IN": "INTAKEAT"}
    page = choose(browser, page, **mended, **{"meaning.size.wee": "small"})
    choose(browser, page, do="import")
    again = browser.post(f"{url}&dryRun=true", content=SHELTER, headers=headers).json()
    assert again["report"]["outcome"], again["report"]
    assert again["report"]["outcome"]["unchanged"] == 3
    done = browser.post(url, content=SHELTER, headers=headers).json()
    assert (done["imported"], done["page"]) == (True, None)
    assert done["report"]["outcome"]["unchanged"] == 3


def test_only_operators_upload(browser: TestClient, service: Settings) -> None:
    with TestClient(browser.app, "http://127.0.0.1:8080") as other:
        for scope in (None, Scope.CONTROL_PLANE, Scope.SITE):
            other.cookies.clear()
            key = "" if scope is None else make_key(service, scope)
            other.post("/console/sign-in", data={"key": key})
            files = {"file": ("animals.csv", SHELTER)}
            answer = other.post(_UPLOAD, files=files, follow_redirects=False)
            assert answer.status_code in {303, 403}
            assert "upload=" not in answer.headers.get("location", "")
