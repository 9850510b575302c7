"""A reader who walks a page of the docs: runs its blocks, and looks whether what it says is so."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.e2e.conftest import PATIENCE_SECONDS, Server, environment
from tests.free_ports import free_port
from tests.house.test_code_blocks import ROOT, Block, blocks_of
from tests.waiting import wait_until

Checks = Mapping[str, "Callable[[Walk], None] | str"]
"""What shows each promise of a page: a function, or the test that shows it, or "" if it is none."""
_PASSED_OVER = (
    "python3 -m venv venv\nvenv/bin/pip install .\n. venv/bin/activate",
    ".venv/bin/pawsonalize demo --port 8081",
)
"""What the environment of the tests has already, and what a reader does whose port is taken."""
_SERVES = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:pawsonalize (?:serve|demo)|python3 \S+)$", re.M)
_PROMISES = re.compile(
    r"\b(?:says?|shows?|shown|serves?|served|comes?|moved|moves|gone|leaves?|left|stays?|keeps?"
    r"|kept|asks for no|brings|ends|follows|takes it away|changed|trains?|trained|learns|replace"
    r"|lost|answers?|goes live|promoted|skipped|not-promoted|you see|newest first|the same|first"
    r"|makes|has everything|lines of Python|orders|in order|switches)\b"
)
"""Words of sentences that say what a reader will see; the others say what to do, or why."""


def steps(page: Path) -> Iterator[Block | str]:
    """Yield the blocks and the sentences of a page, in order; rows of tables and quotes whole."""
    blocks = {block.line: block for block in blocks_of(page)}
    paragraph: list[str] = []
    inside = False
    for number, line in enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1):
        fence = line.strip().startswith("```")
        if fence or inside or not line.strip() or line.startswith(("#", "|", "- ", "!", ">")):
            yield from _sentences(" ".join(paragraph))
            paragraph = []
        if fence:
            inside = not inside
            if inside:
                yield blocks[number]
        elif line.startswith(("|", ">")):
            yield line
        elif not inside and line.strip() and not line.startswith(("#", "!")):
            paragraph.append(line.removeprefix("- ").strip())
    yield from _sentences(" ".join(paragraph))


def _sentences(text: str) -> Iterator[str]:
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    yield from filter(None, re.split(r"(?<=[.?:])[*)]*\s+(?=[A-Z`(*<])", plain))


def unchecked(page: Path, checks: Checks) -> list[str]:
    """Return the promises that nothing checks, and the checks of what the page does not say."""
    said = [step for step in steps(page) if isinstance(step, str) and step[0] not in "|>"]
    promised = [sentence for sentence in said if _PROMISES.search(sentence)]
    return [
        *(f"{page} promises, and no test looks: {one}" for one in promised if one not in checks),
        *(f"{page} has no such sentence: {one}" for one in checks if one not in said),
        *(
            f"there is no test {one}"
            for one in checks.values()
            if isinstance(one, str)
            and one
            and f"def {one.partition('::')[2]}(" not in (ROOT / one.partition("::")[0]).read_text()
        ),
    ]


@dataclass
class Walk:
    """A reader with a page, a terminal and an empty folder."""

    page: Path
    folder: Path
    ports: dict[str, int] = field(
        default_factory=lambda: {"8080": free_port(), "9000": free_port()}
    )
    """Those of this walk, by the ports on the pages."""
    servers: list[Server] = field(default_factory=list)
    said: dict[int, str] = field(default_factory=dict)
    """What each block printed, by its number."""
    shells: tuple[str, ...] = ("bash",)
    settings: dict[str, str] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    """What each block was, as it was run."""
    ran: int = 0
    later: list[Callable[[], None]] = field(default_factory=list)
    """Looks at the end of the page."""

    def take(self, checks: Checks | None = None) -> None:
        """Walk the whole page; look at what it promises where it does."""
        for step in steps(self.page):
            if isinstance(step, Block):
                self.do(step)
            elif step.startswith(">"):  # what the last block printed, with … for what varies
                shown = ".*".join(map(re.escape, step.removeprefix("> ").split("…")))
                assert re.search(shown, self.last), self.last
            elif callable(check := (checks or {}).get(step)):
                check(self)
        for look in self.later:
            look()

    def do(self, block: Block) -> None:
        """Save, run or start what a block has."""
        if block.text in _PASSED_OVER:
            return
        self.ran += 1
        text = re.sub(r"\b(8080|9000)\b", lambda it: str(self.ports[it[0]]), block.text)
        text = text.replace(".venv/bin/", "").replace("make run", "pawsonalize demo")
        if title := _title(block):
            (self.folder / title).write_text(text)
        elif found := _SERVES.search(text):
            self.serve(found[0], self.ran)
        elif block.language in self.shells and text.strip():
            self.texts[self.ran] = text
            self.said[self.ran] = self.run(text)

    @property
    def last(self) -> str:
        """What the last block printed, in one line."""
        return " ".join(self.said[max(self.said)].split())

    def again(self) -> None:
        """Run the last block once more."""
        self.said[max(self.said)] = self.run(self.texts[max(self.said)])

    def printed(self, command: str) -> str:
        """What one of our commands prints, in one line."""
        return " ".join(self.run(f"pawsonalize {command}").split())

    def call(self, path: str, body: object = None) -> httpx.Response:
        """The service's answer."""
        address = f"http://127.0.0.1:{self.ports['8080']}{path}"
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.get(address) if body is None else client.post(address, json=body)

    def log(self) -> str:
        return self.servers[0].output.read_text()

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
            wait(lambda: process.poll() is not None or self.page_of("9000", "") is not None)
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
        settings = {"port": str(self.ports["8080"]), "retrain_schedule": "0 3 * * *"}
        return environment(**settings | self.settings) | {"PATH": path}


def _title(block: Block) -> str | None:
    """The name under which the page says to save the block."""
    lines = (ROOT / block.page).read_text(encoding="utf-8").splitlines()
    found = re.search(r'title="([^"]+)"', lines[block.line - 1])
    return found[1] if found else None


def wait(until: Callable[[], bool]) -> None:
    wait_until(until, PATIENCE_SECONDS, pause=0.1)
