"""Take the pictures of pages that docs/screenshots.toml lists, from a service of their own.

python docs/screenshots.py [NAME ...]

Needs Chromium; without it, it says so and leaves the pictures as they are. The service has a small
demo world with a model that went live and a retraining after it.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright

from pawsonalize import clock
from pawsonalize.app import opened
from pawsonalize.cli.demo import store_world
from pawsonalize.demo import WorldSettings, generate
from pawsonalize.settings import Settings

FOLDER = Path(__file__).parent
IMAGES = FOLDER / "images"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_WORLD = WorldSettings(animals=250, adopters=900, events=18_000, days=90)
_SEED = 7
_START_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Screenshot:
    """A picture of a page: see docs/screenshots.toml."""

    name: str
    path: str
    says: str
    full: bool = False
    width: int = 1280
    height: int = 800
    visits: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return IMAGES / f"{self.name}.png"


def screenshots() -> list[Screenshot]:
    """All of the list, in its order."""
    listed = tomllib.loads((FOLDER / "screenshots.toml").read_text(encoding="utf-8"))
    return [Screenshot(**one) for one in listed["picture"]]


def take(wanted: list[Screenshot], browser: Browser, address: str) -> None:
    """Take them; RuntimeError if a page is not there or the browser complains."""
    for one in wanted:
        context = browser.new_context(
            base_url=address,
            viewport={"width": one.width, "height": one.height},
            reduced_motion="reduce",
        )
        page = context.new_page()
        for species in one.visits:
            page.goto("/")
            page.locator(f'[data-species="{species}"] a, .card a').first.click()
        answer = page.goto(one.path)
        if answer is None or not answer.ok:
            raise RuntimeError(f"no page at {one.path}: {answer and answer.status}")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=str(one.file), full_page=one.full)
        context.close()
        print(f"{one.file.name}: {one.file.stat().st_size / 1000:.0f} kB")


@contextmanager
def served() -> Iterator[str]:
    """The address of a service with a night behind it."""
    command = [str(Path(sys.executable).parent / "pawsonalize")]
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        data = Path(folder) / "data"
        environment = os.environ | {
            "PAWSONALIZE_DATA_DIR": str(data),
            "PAWSONALIZE_DEMO_SITE": "true",
            "PAWSONALIZE_PORT": str(port),
            "PAWSONALIZE_RETRAIN_SCHEDULE": "0 3 * * *",
            "PAWSONALIZE_LOG_LEVEL": "error",
        }
        world = generate(_WORLD, _SEED, clock.now())
        with opened(Settings(data_dir=data)) as adapters:
            store_world(adapters, world)
        _retrain(command, environment)  # goes live
        with opened(Settings(data_dir=data)) as adapters:
            adapters.log.append([replace(world.events[-1], event_id="one more")])
        _retrain(command, environment)  # is no better
        probe.close()
        server = subprocess.Popen([*command, "serve"], env=environment)  # noqa: S603
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address)
            yield address
        finally:
            server.terminate()
            server.wait()


def _retrain(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(  # noqa: S603 - our own program
        [*command, "retrain"], env=environment, check=True, capture_output=True
    )


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{address}/healthz"):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no answer in {_START_SECONDS} seconds")


def main() -> None:
    """Take all pictures, or those that are named."""
    wanted = [one for one in screenshots() if one.name in sys.argv[1:] or not sys.argv[1:]]
    if unknown := set(sys.argv[1:]) - {one.name for one in wanted}:
        sys.exit(f"not in docs/screenshots.toml: {', '.join(sorted(unknown))}")
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        sys.exit("no Chromium here: the pictures stay as they are (Debian's package chromium)")
    with served() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        take(wanted, browser, address)
        browser.close()


if __name__ == "__main__":
    main()
