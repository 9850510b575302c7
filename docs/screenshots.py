"""Take the pictures of docs/images: the adoption site, and every page of the console.

python docs/screenshots.py

It serves the console on this machine and looks at it in Debian's Chromium; where there is none,
the pictures stay as they are.
"""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from pawsonalize.core import clock  # noqa: E402

_MORNING = 1_795_765_200_000  # so that pictures are of one morning, whenever they are taken
_STARTED = time.time()
clock.now = lambda: _MORNING + round((time.time() - _STARTED) * 1000)

from tests.adoption_site import serving, site  # noqa: E402
from tests.console_world import make_console_world  # noqa: E402

from pawsonalize.app.asgi import build_app  # noqa: E402

FOLDER = Path(__file__).parent / "images"
CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
_WIDTH, _HEIGHT, _HIGHEST = 1000, 700, 1200
PAGES = {
    "overview": "/console",
    "models": "/console/models",
    "solution": "/console/models/solutions/recommender",
    "promote": "/console/models/promote?campaign=recommender&version={new}",
    "animals": "/console/animals",
    "visitors": "/console/visitors?userId=user+3",
    "data": "/console/data",
    "outcomes": "/console/outcomes?days=365",
    "settings": "/console/settings",
    "tenants": "/tenants",
}


def take(page: Page, name: str) -> None:
    """The picture of the page as it is shown."""
    height = min(page.evaluate("document.documentElement.scrollHeight"), _HIGHEST)
    clip = {"x": 0, "y": 0, "width": _WIDTH, "height": height}
    page.screenshot(path=FOLDER / f"console-{name}.png", full_page=True, clip=clip)  # type: ignore[arg-type]
    print(f"docs/images/console-{name}.png")


def take_site(browser: Browser, folder: Path) -> None:
    """The adoption site as a visitor sees it who has looked at a rabbit."""
    with serving(site(folder, start_training=lambda: None)) as address:
        page = browser.new_page(base_url=address, viewport={"width": 1280, "height": 800})
        page.goto("/")
        page.get_by_role("link", name="Pip", exact=True).first.click()
        page.goto("/")
        page.screenshot(path=FOLDER / "adoption-site.png")
        print("docs/images/adoption-site.png")


def main() -> None:
    """Take all of them."""
    if not CHROMIUM.exists():
        print(f"no pictures of the console: there is no {CHROMIUM}")
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = make_console_world(Path(folder) / "data", is_hostile=False)
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=_ARGUMENTS)
        take_site(browser, Path(folder) / "site")
        with serving(build_app(settings)) as address:
            context = browser.new_context(
                base_url=address,
                color_scheme="light",
                viewport={"width": _WIDTH, "height": _HEIGHT},
                reduced_motion="reduce",
            )
            page = context.new_page()
            for visitor in range(30):  # so that there is traffic to show
                question = {"userId": f"user {visitor}", "of": "animals"}
                context.request.post("/v1/recommendations", data=question)
            versions = context.request.get("/v1/console/models/recommender").json()["versions"]
            for name, path in PAGES.items():
                page.goto(path.format(new=versions[0]["name"]))
                page.locator("[aria-busy]").wait_for(state="detached")  # it may take a moment
                take(page, name)
            page.goto("/console")
            page.get_by_role("link", name="Why: every rule with its numbers").click()
            page.get_by_role("heading", name="Steps").wait_for()
            take(page, "run")
        browser.close()


if __name__ == "__main__":
    main()
