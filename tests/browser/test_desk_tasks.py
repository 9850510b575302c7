"""Eight tasks of a desk, done by a fresh volunteer in a real browser: how many clicks each takes.

Run it with `-s` to read the table of clicks and seconds. Seconds are printed and never asserted.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from pawsonalize.app.asgi import build_app
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving
from tests.browser.conftest import PATIENCE
from tests.plugins.console.test_console_photos import picture
from tests.plugins.inquiries.test_inquiries import ON
from tests.service_data import client_of, make_key, make_service

OF_LEARNING = re.compile(
    r"NDCG|campaign|dataset group|dead letter|solution version|\bmodel|Kaplan|propensity|--\w", re.I
)
MOST_CLICKS = {
    "find an animal": 2,
    "add an animal with a photo": 6,
    "mend a field": 4,
    "mark it as adopted": 1,
    "undo it": 1,
    "answer an inquiry": 3,
    "put three animals on hold": 5,
    "upload a list": 5,
}
ANIMALS = [
    {"id": f"a-{n}", "name": name, "species": "dog", "breed": "Pug", "listedAt": "2026-01-01"}
    for n, name in enumerate(("Olga", "Bruno", "Pepper", "Milo"))
]
LIST = (
    b"id;name;species;breed;status\nl-1;Tessa;cat;Siamese;available\nl-2;Otto;dog;Pug;available\n"
)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[str, str]]:
    settings = make_service(tmp_path / "tasks", train=False, **ON)
    question = {"animalId": "a-0", "name": "Ann", "contact": "ann@home.example", "sessionId": "s-1"}
    with client_of(build_app(settings)) as client:
        assert client.put("/v1/animals", json=ANIMALS).json()["rejected"] == []
        sent = client.post("/v1/inquiries", json={**question, "message": "May I meet Olga?"})
        assert sent.status_code == 202, sent.text
    locked = make_service(settings.data_dir, train=False, access_keys="required", **ON)
    with serving(build_app(locked)) as address:
        yield address, make_key(locked, Scope.DESK)


class Volunteer:
    """Somebody at a desk who clicks, types, and reads each page that comes."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0
        self.figures: dict[str, tuple[int, float]] = {}
        self.strange: dict[str, list[str]] = {}

    def click(self, role: str, name: str | re.Pattern[str]) -> None:
        self._read()
        self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        self.clicks += 1

    def type(self, label: str, text: str) -> None:
        """Click into a field and type; a choice of a list is one click as well."""
        field = self.page.get_by_label(label, exact=True).first
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(text)
        else:
            field.fill(text)
        self.clicks += 1

    @contextmanager
    def task(self, name: str) -> Iterator[None]:
        self.clicks, began = 0, perf_counter()
        yield
        self.figures[name] = self.clicks, perf_counter() - began
        self._read()

    def _read(self) -> None:
        self.page.wait_for_load_state()
        if found := OF_LEARNING.findall(self.page.locator("body").inner_text()):
            self.strange[self.page.url] = found


def find(at: Volunteer) -> None:
    at.type("Find an animal", "Ogla")
    at.click("button", "Find")
    expect(at.page.get_by_role("heading", level=1)).to_contain_text("Olga")


def add(at: Volunteer) -> None:
    at.click("link", "Today")
    at.click("link", "Add an animal")
    at.type("Name", "Kira")
    at.type("Species", "dog")
    photo = FilePayload(name="1.jpg", mimeType="image/jpeg", buffer=picture(size=(900, 600)))
    at.page.get_by_label("Photos from this device").set_input_files([photo])
    at.clicks += 1
    at.click("button", "Add it")
    at.page.get_by_role("status").get_by_text("is added").wait_for()


def mend(at: Volunteer) -> None:
    at.click("link", "Today")
    at.click("link", "Bruno")
    at.type("Adoption fee", "120")
    at.click("button", "Store")
    at.page.get_by_role("status").get_by_text("is stored").wait_for()


def adopt(at: Volunteer) -> None:
    at.click("button", "Mark as adopted")
    at.page.get_by_role("status").get_by_text("adopted").first.wait_for()


def undo(at: Volunteer) -> None:
    at.click("button", re.compile("^Undo"))
    at.page.get_by_role("status").get_by_text("is available again").wait_for()


def answer(at: Volunteer) -> None:
    at.click("link", re.compile("^Inquiries"))
    expect(at.page.get_by_role("link", name="ann@home.example")).to_have_attribute(
        "href", re.compile("^mailto:ann@home.example")
    )
    at.clicks += 1  # that link opens the program for mail
    at.click("button", re.compile("nswered"))


def hold(at: Volunteer) -> None:
    at.click("link", "Animals")
    for name in ("Olga", "Pepper", "Milo"):
        at.page.get_by_label(f"Tick {name}").check()
        at.clicks += 1
    at.click("button", "on hold")
    expect(at.page.get_by_role("heading", level=1)).to_have_text("3 animals are on hold")


def upload(at: Volunteer) -> None:
    at.click("link", "Animals")
    at.click("link", "Upload")
    file = FilePayload(name="list.csv", mimeType="text/csv", buffer=LIST)
    at.page.get_by_label("File", exact=True).set_input_files([file])
    at.clicks += 1
    at.click("button", "Look at it")
    at.page.get_by_text("2 will be visible").wait_for()
    at.click("button", "Import it")
    at.page.get_by_role("status").filter(has_text="2 new").wait_for()


TASKS: dict[str, Callable[[Volunteer], None]] = dict(
    zip(MOST_CLICKS, (find, add, mend, adopt, undo, answer, hold, upload), strict=True)
)


@pytest.mark.parametrize("width", [390, 1280])
def test_eight_tasks_take_few_clicks_and_no_page_speaks_of_learning(
    browser: Browser, desk: tuple[str, str], width: int
) -> None:
    address, key = desk
    context = browser.new_context(base_url=address, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/console")
    page.get_by_label("key").fill(key)
    page.get_by_role("button", name="Sign in").click()
    at = Volunteer(page)
    for name, do in TASKS.items():
        with at.task(name):
            do(at)
    context.close()
    for name, (clicks, seconds) in at.figures.items():
        print(f"{width:>5} px  {name:<28} {clicks:>2} clicks  {seconds:5.2f} s")
    assert not at.strange
    assert {name: clicks for name, (clicks, _) in at.figures.items()} == MOST_CLICKS
