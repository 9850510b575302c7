"""The tutorials as their readers walk them: each block is saved or run as it stands on the page."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from pawsonalize import clock
from tests.e2e.conftest import PATIENCE_SECONDS, Server, environment
from tests.e2e.retraining import make_world
from tests.free_ports import free_port
from tests.house.test_code_blocks import Block, blocks_of

TUTORIALS = Path("docs/tutorials")
_INSTALLS = "python3 -m venv venv\nvenv/bin/pip install .\n. venv/bin/activate"
_SERVES = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:pawsonalize (?:serve|demo)|python3 \S+)$", re.M)
_SERVICE, _SHOP = "8080", "9000"
"""The ports on the pages; each walk has its own."""
_LONGEST_SITE = 60


@dataclass
class Walk:
    """A reader with a page, a terminal and an empty folder."""

    page: Path
    folder: Path
    ports: dict[str, int] = field(
        default_factory=lambda: {"8080": free_port(), "9000": free_port()}
    )
    servers: list[Server] = field(default_factory=list)
    said: dict[int, str] = field(default_factory=dict)
    """What each block printed, by its number."""

    def take(self, *, once_served: Callable[["Walk"], None] = lambda _: None) -> None:
        """Walk the whole page."""
        blocks = list(blocks_of(self.page))
        assert blocks.pop(0).text == _INSTALLS, "the environment of the tests has it already"
        for number, block in enumerate(blocks, start=1):
            text = re.sub(r"\b(8080|9000)\b", lambda it: str(self.ports[it[0]]), block.text)
            if title := _title(block):
                (self.folder / title).write_text(text)
            elif found := _SERVES.search(text):
                self.serve(found[0], number)
                once_served(self)
            elif block.language == "bash" and text.strip():
                self.said[number] = self.run(text)

    def run(self, text: str) -> str:
        """What a block prints; it must succeed."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def serve(self, command: str, number: int) -> None:
        """Leave a command running, once it answers."""
        output = self.folder / f"output-{number}"
        port = self.ports["8080" if "pawsonalize" in command else "9000"]
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec env {command}"],
                cwd=self.folder,
                env=self._environment(),
                stdout=file,
                stderr=file,
            )
        self.servers.append(Server(process, port, output))
        if "pawsonalize" in command:
            assert self.servers[-1].comes_up()
        else:
            _wait(lambda: process.poll() is not None or self.page_of("9000", "") is not None)
            assert process.poll() is None, output.read_text()

    def page_of(self, port: str, path: str, **cookies: str) -> httpx.Response | None:
        """A page as a visitor with these cookies gets it; None if nobody answers."""
        address = f"http://127.0.0.1:{self.ports[port]}/{path}"
        with httpx.Client(cookies=cookies, trust_env=False, timeout=30) as client:
            try:
                return client.get(address)
            except httpx.TransportError:
                return None

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return environment(port=str(self.ports["8080"]), retrain_schedule="0 3 * * *") | {
            "PATH": path
        }


def _title(block: Block) -> str | None:
    """The name under which the page says to save the block."""
    lines = (Path(__file__).parents[2] / block.page).read_text(encoding="utf-8").splitlines()
    found = re.search(r'title="([^"]+)"', lines[block.line - 1])
    return found[1] if found else None


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def walk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Walk]:
    walk = Walk(TUTORIALS / request.param, tmp_path)
    yield walk
    for server in walk.servers:
        server.stop()


def names(text: str, *wanted: str) -> list[str]:
    """Those of the names that a page has, in its order."""
    return sorted(
        (name for name in wanted if f">{name}<" in text), key=lambda n: text.index(f">{n}<")
    )


@pytest.mark.parametrize("walk", ["shelter.md"], indirect=True)
def test_a_shelter_goes_from_its_file_to_a_page_in_order(walk: Walk) -> None:
    walk.take()
    listed, recommended = walk.said[3], walk.said[5]
    for name in ("Rex", "Bella", "Hugo", "Mimi", "Tom", "Luna", "Clover", "Pip"):
        assert name in listed
    answer = json.loads(recommended[recommended.index('{"recommendationId"') :])
    assert [one["id"] for one in answer["recommendations"]][:2] == ["A-1007", "A-1008"], "rabbits"
    assert all(one["reasons"] for one in answer["recommendations"][:2])
    page = walk.page_of("8080", "")
    assert page is not None
    assert page.status_code == 200
    assert "Clover" in page.text
    assert "Pip" not in page.text, "adopted meanwhile"


@pytest.mark.parametrize("walk", ["developer.md"], indirect=True)
def test_a_developer_has_a_site_in_order_in_under_60_lines(walk: Walk) -> None:
    walk.take()
    assert len((walk.folder / "shop.py").read_text().splitlines()) < _LONGEST_SITE
    pets = ("Rex", "Bella", "Mimi", "Luna", "Pip")
    first = walk.page_of("9000", "", visit="a-visit")
    assert first is not None
    assert set(names(first.text, *pets)) == set(pets)
    clicked = walk.page_of("9000", "?pet=mimi", visit="a-visit")
    assert clicked is not None
    assert set(names(clicked.text, *pets)[:2]) == {"Mimi", "Luna"}
    other = walk.page_of("9000", "", visit="another")
    assert other is not None
    assert names(other.text, *pets) == names(first.text, *pets)


@pytest.mark.parametrize("walk", ["developer.md"], indirect=True)
def test_the_site_shows_its_own_order_while_the_service_is_away(walk: Walk) -> None:
    walk.take()
    walk.servers[0].stop()
    page = walk.page_of("9000", "", visit="a-visit")
    assert page is not None
    assert names(page.text, "Rex", "Bella", "Mimi") == ["Rex", "Bella", "Mimi"]


@pytest.mark.parametrize("walk", ["operator.md"], indirect=True)
def test_an_operator_finds_out_why_last_nights_model_did_not_go_live(walk: Walk) -> None:
    make_world(walk.folder / "pawsonalize-data", end=clock.now())  # a small one
    walk.take(once_served=until_a_model_is_live)
    _, listed, shown, *_, served = (" ".join(said.split()) for said in walk.said.values())
    # One visit may change a model by a hair.
    why = r"Not promoted: (no different from|not surely better than|worse than) the live version"
    assert re.search(f"recommender: {why}", listed)
    assert re.search(why, shown)
    assert "recommender" in served


def until_a_model_is_live(walk: Walk) -> None:
    def is_live() -> bool:
        answer = walk.page_of("8080", "learning")
        return answer is not None and answer.status_code == 204

    _wait(is_live)
