"""`check-integration` says of a page what a browser finds: pages that work, and that cannot."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings
from pawsonalize.core import clock
from pawsonalize.plugins.integration.checking import check_site
from tests.adoption_site import ANIMALS
from tests.browser.conftest import PATIENCE
from tests.browser.embedding import Shelter, embedding

INLINE = 'import "{service}/embed.js";'
ADDED = """const one = document.createElement("script"); one.type = "module";
one.src = "{service}/embed.js"; document.head.append(one);"""


LOADED = '<script type="module" src="{service}/embed.js"></script>'
NONCED = LOADED.replace("src=", 'nonce="abc" src=')
IMPORTED = f'<script type="module">{INLINE}</script>'
ELEMENT = '<pawsonalize-animals key="{key}" timeout="20000"></pawsonalize-animals>'


@dataclass(frozen=True)
class Case:
    """A page, and whether a browser shows animals on it."""

    works: bool
    policies: tuple[str, ...] = ()
    """Headers, each a Content-Security-Policy."""
    head: str = LOADED
    body: str = ELEMENT


def meta(policy: str, name: str = "Content-Security-Policy") -> str:
    return f'<meta http-equiv="{name}" content="{policy}">'


def works(*policies: str, **page: str) -> Case:
    return Case(True, policies, **page)


def fails(*policies: str, **page: str) -> Case:
    return Case(False, policies, **page)


PAGES = {
    "plain": works(),
    "an empty key": fails(body=ELEMENT.replace("{key}", "")),
    "no calls": fails("script-src {service}; connect-src 'self'"),
    "scripts elsewhere": fails("script-src https://cdn.example"),
    "a nonce": works("script-src 'nonce-abc'", head=NONCED),
    "a hash and a host": works("script-src {digest} {service}", head=IMPORTED),
    "strict without a nonce": fails("script-src 'strict-dynamic' 'nonce-abc' {service}"),
    "by meta": fails(head=meta("default-src 'self'") + LOADED),
}
MORE_PAGES = {
    "a wrong key": fails(body=ELEMENT.replace("{key}", "{key}x")),
    "no more than is needed": works(
        "default-src 'none'; script-src {service}; connect-src {service}; img-src {service}"
    ),
    "by host and port": works("default-src {host}"),
    "by host without port": fails("default-src pets.example"),
    "any port": works("default-src pets.example:*"),
    "any host of a domain": works("default-src http://*.example:*"),
    "below a domain alone": fails("default-src *.pets.example:*"),
    "a scheme": works("default-src http:"),
    "another scheme": fails("default-src https:"),
    "a star": works("default-src *"),
    "self": fails("default-src 'self'"),
    "none": fails("default-src 'none'"),
    "report only": works(
        head=meta("default-src 'none'", "Content-Security-Policy-Report-Only") + LOADED
    ),
    "elements of scripts first": works("script-src 'none'; script-src-elem {service}"),
    "one path": works("script-src {service}/embed.js"),
    "a folder": fails("script-src {service}/static/"),
    "two policies": fails("default-src *", "script-src 'self'"),
    "two policies in a header": fails("default-src *, connect-src 'self'"),
    "the first of two": works("script-src {service}; script-src 'none'"),
    "another nonce": fails("script-src 'nonce-abd'", head=NONCED),
    "a nonce in other letters": fails("script-src 'nonce-ABC'", head=NONCED),
    "strict": works("script-src 'strict-dynamic' 'nonce-abc'", head=NONCED),
    "an import with a nonce": works(
        "script-src 'nonce-abc'", head=IMPORTED.replace("type=", 'nonce="abc" type=')
    ),
    "a hash is not for imports": fails("script-src {digest}", head=IMPORTED),
    "strict, by a hash": fails("script-src 'strict-dynamic' {digest}", head=IMPORTED),
    "inline": works("script-src 'unsafe-inline' {service}", head=IMPORTED),
    "no inline": fails("script-src {service}", head=IMPORTED),
    "inline beside a nonce": fails(
        "script-src 'unsafe-inline' 'nonce-abc' {service}", head=IMPORTED
    ),
    "added by a trusted script": works(
        "script-src 'strict-dynamic' 'nonce-abc'", head=f'<script nonce="abc">{ADDED}</script>'
    ),
    "added by a script": fails(
        "script-src 'nonce-abc'", head=f'<script nonce="abc">{ADDED}</script>'
    ),
    "by meta, behind the script": works(head=LOADED + meta("script-src 'none'")),
    "calls by meta, behind the script": fails(head=LOADED + meta("connect-src 'none'")),
    "trusted types": works("require-trusted-types-for 'script'"),
    "no styles": works("style-src 'none'"),
    "a sandbox": works("sandbox allow-scripts allow-same-origin"),
    "a sandbox by meta": works(head=meta("sandbox") + LOADED),
    "no module": fails(head=LOADED.replace("module", "text/javascript")),
    "a service of its own": works(body=ELEMENT.replace("key=", 'src="{service}/" key=')),
    "another service": fails(body=ELEMENT.replace("key=", 'src="http://no.example:9" key=')),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shelter, Settings]]:
    folder = tmp_path_factory.mktemp("check") / "data"
    with embedding(folder, ANIMALS) as shelter:
        yield shelter, Settings(data_dir=folder, access_keys="required")


@pytest.mark.parametrize(
    "name", [*PAGES, *(pytest.param(one, marks=pytest.mark.nightly) for one in MORE_PAGES)]
)
def test_check_and_browser_agree(
    world: tuple[Shelter, Settings], browser: Browser, name: str
) -> None:
    shelter, settings = world
    case = (PAGES | MORE_PAGES)[name]
    hashed = sha256(INLINE.replace("{service}", shelter.service).encode()).digest()
    named = {
        "{service}": shelter.service,
        "{host}": shelter.service.removeprefix("http://"),
        "{key}": shelter.key,
        "{digest}": f"'sha256-{b64encode(hashed).decode()}'",
    }

    def filled(text: str) -> str:
        for one, value in named.items():
            text = text.replace(one, value)
        return text

    shelter.policies = [filled(one) for one in case.policies]
    html = f"<!doctype html><html><head>{case.head}</head><body>{case.body}</body></html>"
    shelter.pages["/checked"] = filled(html)
    url = f"{shelter.origin}/checked"
    assert _shows_animals(browser, url) is case.works, "the table is what the browser does"
    with _names_of_here(), opened(settings) as adapters:
        findings = list(check_site(adapters, url, clock.now()))
    errors = [one for one in findings if one.level == "error"]
    assert (errors == []) is case.works, findings


def _shows_animals(browser: Browser, url: str) -> bool:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    if page.locator("pawsonalize-animals:defined").count():
        ended = "pawsonalize-animals:is([data-state=shown], [data-state=away])"
        page.locator(ended).wait_for(state="attached")
    is_shown = page.locator("pawsonalize-animals[data-state=shown]").count() == 1
    context.close()
    return is_shown


@contextmanager
def _names_of_here() -> Iterator[None]:
    """Let this process find `*.example` on this machine, as the browser does."""
    find = socket.getaddrinfo

    def found(host: str, *more: Any, **named: Any) -> Any:
        return find("127.0.0.1" if host.endswith(".example") else host, *more, **named)

    with patch.object(socket, "getaddrinfo", found):
        yield
