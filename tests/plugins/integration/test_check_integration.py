"""What `pawsonalize check-integration` and the console's page say of a site's page."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from pawsonalize.app.adapters import opened
from pawsonalize.app.asgi import build_app
from pawsonalize.app.cli.main import app
from pawsonalize.app.settings import Settings
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.scopes import Scope
from pawsonalize.plugins.integration.checking import check_site, only_named
from pawsonalize.resources.access_keys import AccessKey
from tests.animal_data import animal
from tests.event_data import T0, event
from tests.feed_server import Answer, FeedServer, feed_server
from tests.service_data import client_of, make_key

NOW = 1_790_000_000_000
SCRIPT = files("pawsonalize.site").joinpath("static", "embed.js").read_bytes()
SCRIPT_HEADERS = {"Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*"}
ELEMENT = '<pawsonalize-animals key="{key}" query=\'{{"limit": 6}}\'></pawsonalize-animals>'


class World:
    """A shelter's site, and the service at an origin of its own."""

    def __init__(self, site: FeedServer, service: FeedServer, settings: Settings) -> None:
        self.site, self.service, self.settings = site, service, settings
        self.key = make_key(settings, Scope.BROWSER, origins=[site.url])
        self.script = f'<script type="module" src="{service.url}/embed.js?v=1"></script>'
        allowed = {"Access-Control-Allow-Origin": site.url}
        headers = {"Access-Control-Allow-Headers": "Authorization, Content-Type"}
        service.answers["/embed.js?v=1"] = Answer(SCRIPT, headers=SCRIPT_HEADERS)
        service.answers["OPTIONS /v1/events"] = Answer(status=204, headers=allowed | headers)
        service.answers["POST /v1/events"] = Answer(status=400, headers=allowed)

    def packed(self, page: str) -> None:
        """Answer as most servers do, by gzip."""
        for server, path, body in (
            (self.site, "/packed", page.encode()),
            (self.service, "/embed.js?v=1", SCRIPT),
        ):
            headers = {**SCRIPT_HEADERS, "Content-Encoding": "gzip"}
            server.answers[path] = Answer(gzip.compress(body), headers=headers)

    def check(self, page: str, policy: str = "") -> list[tuple[str, str, str]]:
        headers = {"Content-Security-Policy": policy} if policy else {}
        self.site.answers["/pets"] = Answer(page.encode(), headers=headers)
        with opened(self.settings) as adapters:
            found = check_site(adapters, f"{self.site.url}/pets", NOW)
            return [(one.level, one.message, one.next_move) for one in found]

    def wrong(self, page: str, policy: str = "") -> list[str]:
        found = self.check(page, policy)
        return [f"{message} → {move}" for level, message, move in found if level == "error"]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        settings = Settings(data_dir=tmp_path / "data", access_keys="required")
        servers = (stack.enter_context(feed_server()), stack.enter_context(feed_server()))
        yield World(*servers, settings)


def test_a_page_and_a_script_may_come_packed(world: World) -> None:
    page = f"<title>Pets</title>{world.script}{ELEMENT.format(key=world.key)}"
    plain = world.check(page)
    world.packed(page)
    with opened(world.settings) as adapters:
        found = list(check_site(adapters, f"{world.site.url}/packed", NOW))
    assert [(one.level, one.message, one.next_move) for one in found] == plain


def test_a_page_that_works_has_no_error_and_says_what_arrives(world: World) -> None:
    page = f"<title>Pets</title>{world.script}{ELEMENT.format(key=world.key)}"
    found = world.check(page)
    assert {level for level, _, _ in found} == {"ok", "warning"}
    (unused, quiet) = [(text, move) for level, text, move in found if level == "warning"]
    assert "nobody has used it yet" in unused[0]
    assert quiet == (
        "no event came in within a day",
        "open the page, click on an animal, and look again",
    )
    with opened(world.settings) as adapters:
        adapters.animals.put([animal("rex")], NOW)
        adapters.access_keys.note_use(world.key.partition(".")[0], NOW)
        events = [
            event(
                "e1",
                at=NOW - T0 - 1000,
                animal_id="rex",
                recommendation_id="RID-1",
                impression=("rex",),
            ),
            event("e2", at=NOW - T0 - 1000, animal_id="who"),
        ]
        adapters.log.append(events)
    messages = [text for _, text, _ in world.check(page)]
    assert f"the key {world.key.partition('.')[0]} is right, and was used last" in str(messages)
    assert (
        "2 events came in within a day: 1 name the answer that they came from"
        " (recommendationId), 1 say which animals were seen before" in messages
    )
    assert "1 of 2 animals in them are not in the inventory: who" in messages


def test_each_mistake_is_named_with_the_next_move(world: World) -> None:
    page = f"""{world.script.replace(' type="module"', "")}
    <pawsonalize-animal key="{world.key}" src="http://pets.example:99999"></pawsonalize-animal>
    <pawsonalize-animals key="{world.key}" querry="x" query='{{"houshold": {{}}}}' timeout="1s">
    </pawsonalize-animals><pawsonalize-board query="no"></pawsonalize-board>"""
    wrong = "\n".join(world.wrong(page))
    for part in (
        "is no module, so it does not run → write <script type=",
        "http://pets.example:99999/v1/events is no address → write https://",
        "there is no element <pawsonalize-animal> → write pawsonalize-animals",
        "has an attribute querry, which means nothing → write query",
        "the query of <pawsonalize-animals> is refused: there is no field houshold: write",
        "the timeout of <pawsonalize-animals> is '1s' → write milliseconds",
        "the query of <pawsonalize-board> is refused: this is not JSON",
        "<pawsonalize-board> has no key → give it one",
    ):
        assert part in wrong, (part, wrong)


def test_a_key_that_cannot_work_says_why(world: World) -> None:
    key_id = world.key.partition(".")[0]
    elsewhere = make_key(world.settings, Scope.BROWSER, origins=["https://other.example"])
    operator = make_key(world.settings, Scope.OPERATOR)
    for key, reason in (
        (key_id, "is none of this service, or its part after the dot is wrong"),
        (f"{world.key}x", "is none of this service, or its part after the dot is wrong"),
        (elsewhere, f"is not for pages of {world.site.url}"),
        (operator, "may do more than pages should"),
    ):
        (wrong,) = world.wrong(world.script + ELEMENT.format(key=key))
        assert reason in wrong
        assert f"keys create --scope browser --origin {world.site.url}" in wrong
        assert key.partition(".")[2] not in wrong or "." not in key
    with opened(world.settings) as adapters:
        adapters.registry.change(AccessKey, key_id, ended, NOW)
    (wrong,) = world.wrong(world.script + ELEMENT.format(key=world.key))
    assert "has ended" in wrong


def ended(key: AccessKey) -> AccessKey:
    return replace(key, expires_at=NOW)


def test_a_service_that_browsers_may_not_call_is_found_as_they_find_it(world: World) -> None:
    del world.service.answers["OPTIONS /v1/events"]
    (wrong,) = world.wrong(world.script + ELEMENT.format(key=world.key))
    assert f"may not call {world.service.url} from pages of {world.site.url} (CORS)" in wrong


def test_a_policy_that_stops_the_page_is_named_with_what_to_add(world: World) -> None:
    page = world.script + ELEMENT.format(key=world.key)
    script, calls = world.wrong(page, "default-src 'self'; connect-src 'none'")
    assert f"forbids the script {world.service.url}/embed.js?v=1: default-src 'self'" in script
    assert script.endswith(f"→ add {world.service.url} to script-src")
    assert f"forbids calls of {world.service.url}: connect-src 'none'" in calls
    assert calls.endswith(f"→ add {world.service.url} to connect-src")


def test_a_key_is_used_as_the_page_would(world: World) -> None:
    world.service.answers["POST /v1/events"] = Answer(status=403)
    page = world.script + ELEMENT
    (empty,) = world.wrong(page.format(key=""))
    assert f"an empty key is refused from {world.site.url}: the service answers 403" in empty
    assert f"keys create --scope browser --origin {world.site.url}" in empty
    (refused,) = world.wrong(page.format(key=world.key))
    assert f"the key {world.key.partition('.')[0]} is refused from {world.site.url}" in refused
    assert "a proxy hands Authorization on" in refused


def test_a_script_or_a_call_without_the_headers_of_the_service_is_found(world: World) -> None:
    page = world.script + ELEMENT.format(key=world.key)
    world.service.answers["/embed.js?v=1"] = Answer(SCRIPT)
    (script,) = world.wrong(page)
    assert "comes without Access-Control-Allow-Origin" in script
    world.service.answers["/embed.js?v=1"] = Answer(SCRIPT, headers=SCRIPT_HEADERS)
    allowed = {"Access-Control-Allow-Origin": world.site.url}
    world.service.answers["OPTIONS /v1/events"] = Answer(status=204, headers=allowed)
    (calls,) = world.wrong(page)
    assert "browsers may not call" in calls, "without Access-Control-Allow-Headers"


def test_a_page_without_the_embed_or_without_an_answer_is_one_error(world: World) -> None:
    (wrong,) = world.wrong("<title>Pets</title>")
    assert "neither the script nor an element" in wrong
    with opened(world.settings) as adapters:
        (found,) = check_site(adapters, f"{world.site.url}/none", NOW)
    assert (found.level, "answered 404" in found.message) == ("error", True)
    with opened(world.settings) as adapters, pytest.raises(InvalidInput, match="must be https"):
        list(check_site(adapters, "file:///etc/passwd", NOW))


def test_the_client_in_a_script_of_the_page_is_read_as_well(world: World) -> None:
    page = f"""<script type="module">
    import {{ Pawsonalize }} from "{world.service.url}/embed.js?v=1";
    const pets = new Pawsonalize({{ key: "{world.key}" }});</script>"""
    assert world.wrong(page) == []
    assert "the key PAWS.WRONG" not in str(world.wrong(page.replace(world.key, "PAWS.WRONG")))
    assert len(world.wrong(page.replace(world.key, "PAWS.WRONG"))) == 1


def test_the_command_fails_where_the_page_cannot_work(world: World) -> None:
    world.site.answers["/pets"] = Answer(ELEMENT.format(key="x").encode())
    folder = ["--data-dir", str(world.settings.data_dir)]
    done = CliRunner().invoke(app, ["check-integration", f"{world.site.url}/pets", *folder])
    assert done.exit_code == 1
    assert "ERROR    the elements are there, and their script is not" in done.output
    assert "→ add <script type=" in done.output


def test_the_console_asks_no_address_that_no_key_names(world: World) -> None:
    with opened(world.settings) as adapters:
        check = only_named(adapters, frozenset({"pets.example"}))
        check(f"{world.site.url}/pets")
        check("https://pets.example/embed.js")
        for url in (world.service.url, "http://169.254.169.254/latest", "http://127.0.0.1:22"):
            with pytest.raises(InvalidInput, match="whose origin a key names"):
                check(url)
        away = Answer(status=302, headers={"Location": f"{world.service.url}/embed.js?v=1"})
        world.site.answers["/away"] = away
        with pytest.raises(InvalidInput, match="whose origin a key names"):
            list(check_site(adapters, f"{world.site.url}/away", NOW, check))
    assert world.service.paths() == []


def test_the_console_shows_the_same_to_operators(world: World) -> None:
    world.site.answers["/pets"] = Answer(ELEMENT.format(key=world.key).encode())
    settings = replace(world.settings, access_keys="auto")
    with client_of(build_app(settings)) as client:
        form = client.get("/console/settings/integration")
        assert (form.status_code, "Look at it" in form.text) == (200, True)
        url = f"{world.site.url}/pets"
        page = client.get("/console/settings/integration", params={"url": url})
        assert "It cannot work yet" in page.text
        assert "The elements are there, and their script is not." in page.text
        refused = client.get("/console/settings/integration", params={"url": world.service.url})
        assert "whose origin a key names" in refused.text
    assert world.service.paths() == []
