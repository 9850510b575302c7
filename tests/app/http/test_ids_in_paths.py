"""Ids of animals and visitors may be any text, also the words of which addresses are made."""

import re
from collections.abc import Iterator

import pytest
from starlette.routing import Match, Route
from starlette.testclient import TestClient

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from pawsonalize.site.rendering import console_path_of, path_of
from tests.animal_data import animal
from tests.hostile_world import NOW
from tests.service_data import CATS, client_of, make_service

_ANY_TEXT = re.compile(r"\{(\w+):path\}")
_ODD = ("seen", "alerts", "actions/edit", "id/seen", "a/events", "../keys", "nina?x=1#y", "a//b")
# The API answers these in place of an animal whose id makes their address.
_OF_THE_API = {
    "GET /v1/animals/exposure",
    "GET /v1/animals/{animal_id:path}/matches",
    "GET /v1/animals/{animal_id:path}/similar",
    "GET /v1/animals/{animal_id:path}/similar/detailed",
}
_LED_ON = "/console/animals/{animal_id:path}"  # letters of before have it; it leads to the page


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = make_service(tmp_path_factory.mktemp("ids"), site=True)
    with opened(settings) as adapters:
        adapters.animals.put([animal(one, CATS[0], name=f"Nina {one}") for one in _ODD], NOW)
    return settings


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(build_app(settings)) as client:
        yield client


def _ids(route: Route, paths: list[str]) -> set[str]:
    """Return ids that make other paths, or the begin of them, of the path of the route."""
    before, after = _ANY_TEXT.split(route.path)[::2]
    rest = {re.sub(r"\{[^}]+\}", "x", one.removeprefix(before)) for one in paths if before in one}
    return {found for one in rest for found in (one, one.removesuffix(after))} - {""}


def _first(routes: list[Route], method: str, path: str) -> tuple[str, dict[str, str]]:
    scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return route.path, found["path_params"]
    return "", {}


def test_no_id_leads_to_another_page(settings: Settings) -> None:
    routes = [one for one in build_app(settings).routes if isinstance(one, Route)]
    paths, wrong = [one.path for one in routes], set()
    for route in routes:
        if (named := _ANY_TEXT.search(route.path)) is None or named[1] == "path":
            continue
        for text in _ids(route, paths) if route.path != _LED_ON else ():
            for method in (route.methods or set()) - {"HEAD"}:
                found, ids = _first(routes, method, _ANY_TEXT.sub(text, route.path))
                if found != route.path or ids != {named[1]: text}:
                    wrong.add(f"{method} {found}")
    assert wrong == _OF_THE_API


def test_an_animal_whose_id_is_a_word_of_addresses_has_its_pages(client: TestClient) -> None:
    for animal_id in _ODD:
        for path in (path_of(animal_id), console_path_of(animal_id)):
            page = client.get(path)
            assert page.status_code == 200
            assert f"Nina {animal_id}" in page.text
    assert f'href="{console_path_of("seen")}"' in client.get("/console/animals").text


def test_the_page_of_an_animal_is_found_where_it_was_once(client: TestClient) -> None:
    there = client.get("/console/animals/nina%3Fx=1%23y?period=7d")
    assert there.url.raw_path == f"{console_path_of('nina?x=1#y')}?period=7d".encode()
