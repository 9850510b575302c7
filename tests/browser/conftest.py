"""A real server and a real browser, each started once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pawsonalize.app.pages import shell
from tests.adoption_site import serving, site

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE = 180_000.0
"""Milliseconds for what a page is to do, and for what it is to show: machines of tests are busy."""
expect.set_options(timeout=PATIENCE)
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]


@pytest.fixture(scope="session", autouse=True)
def pages_at_once() -> Iterator[None]:
    """Pages of the console come when they are made, on a busy machine too."""
    with patch.object(shell, "SOON_SECONDS", PATIENCE / 1000):
        yield


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the site is served, on a free port, from a folder of its own."""
    app = site(tmp_path_factory.mktemp("browser") / "data", start_training=lambda: None)
    with serving(app) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser here: install Debian's chromium ({CHROMIUM})")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A new visitor's page; whatever the browser complains about fails the test."""
    context = browser.new_context(
        base_url=address, reduced_motion="reduce", viewport={"width": 1280, "height": 900}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


def await_script(page: Page) -> None:
    """Wait until the script of the adoption site listens: until then, forms leave the page.

    It is a module that waits for another one, which the event `load` does not.
    """
    page.evaluate("import(document.body.dataset.embed)")


def operators_page(
    browser: Browser, address: str, scheme: Any, width: int, has_scripts: bool
) -> tuple[Page, list[str]]:
    """The console in a context of its own, and all that the browser says in its log."""
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,
        java_script_enabled=has_scripts,
        viewport={"width": width, "height": 800},
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto("/console")
    return page, said
