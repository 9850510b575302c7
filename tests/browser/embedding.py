"""A shelter's own pages, at an origin of their own, and the examples of the how-to."""

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from pawsonalize.animals.animal import Animal
from pawsonalize.app.settings import Settings
from pawsonalize.core.scopes import Scope
from tests.adoption_site import serving, site
from tests.service_data import make_key

HOW_TO = Path(__file__).parents[2] / "docs/how-to/embed-animals.md"
EXAMPLES = dict(
    re.findall(r"<!-- example: (.*?) -->\n```html\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL)
)
"""The how-to's pages by their names, as they are written there."""


_SEEN = """card => new Promise((resolve) => new IntersectionObserver((_, own) => {
  own.disconnect();
  setTimeout(resolve, 1000); // begins after the timers of the page's own observers
}).observe(card))"""


def until_seen(page: Page, cards: str = "[data-animal-id]") -> None:
    """Wait until the cards that are on the screen have been there for a second, by its clock."""
    page.locator(cards).first.evaluate(_SEEN)


@dataclass
class Shelter:
    """The shelter's site: its pages by path, its origin, and the service that it asks."""

    port: int
    key: str
    service: str
    """The service's address, by the name that pages know it."""
    site_key: str
    pages: dict[str, str] = field(default_factory=dict)
    policies: list[str] = field(default_factory=list)
    """Headers of its pages: each a Content-Security-Policy."""

    @property
    def origin(self) -> str:
        """The origin of its pages."""
        return f"http://shelter.example:{self.port}"

    def put(self, path: str, example: str, patience: int = 20_000) -> str:
        """Serve an example of the how-to, with this service and key for those that it names.

        It waits for so many milliseconds: this machine may be busy.
        """
        assert "https://pets.example" in example
        page = example.replace("https://pets.example", self.service)
        page = page.replace('key="KEY.SECRET"', f'key="{self.key}" timeout="{patience}"')
        page = page.replace('key: "KEY.SECRET"', f'key: "{self.key}", timeout: {patience}')
        self.pages[path] = f"<!doctype html><title>t</title>{page}"
        return f"{self.origin}{path}"

    def history(self, page: Page) -> list[dict[str, Any]]:
        """What the service knows of the page's visitor, oldest event first."""
        name = f"pawsonalize {self.service} session"
        session = page.evaluate("name => JSON.parse(localStorage[name]).id", name)
        answer = httpx.get(
            f"{self.service.replace('pets.example', '127.0.0.1')}/v1/sessions/{session}/history",
            headers={"Authorization": f"Bearer {self.site_key}"},
        )
        answer.raise_for_status()
        events: list[dict[str, Any]] = answer.json()["events"]
        return events[::-1]


@contextmanager
def shelter_site(shelter: Shelter) -> Iterator[Shelter]:
    """Serve the shelter's pages; any path that it does not have is a page that says so."""

    class _Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = shelter.pages.get(self.path.partition("?")[0], "<title>elsewhere</title>")
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            for policy in shelter.policies:
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", shelter.port), _Pages) as server:
        shelter.port = server.server_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield shelter
        server.shutdown()
        thread.join()


@contextmanager
def embedding(folder: Path, inventory: Sequence[Animal]) -> Iterator[Shelter]:
    """A service that wants keys, and a shelter's site that has one for its pages."""
    app = site(folder, inventory, access_keys="required")
    settings = Settings(data_dir=folder, access_keys="required")
    with serving(app) as address:
        service = address.replace("127.0.0.1", "pets.example")
        with shelter_site(Shelter(0, "", service, make_key(settings, Scope.SITE))) as shelter:
            shelter.key = make_key(settings, Scope.BROWSER, origins=[shelter.origin])
            yield shelter
