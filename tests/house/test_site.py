"""The docs as a site: every page is in it and can be found, and nothing comes from elsewhere."""

import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EXPANDED = runpy.run_path(str(ROOT / "docs/website.py"))["expanded"]
ABOVE = {"changelog.md", "contributing.md", "security.md"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `make docs` builds it, which fails on a link or an anchor that leads nowhere."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "docs/website.py", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


class Loaded(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        rel = (names.get("rel") or "").split()
        if tag in {"script", "img", "iframe", "source"}:
            self.addresses.append(names.get("src") or "")
        elif tag == "link" and not {"canonical", "prev", "next"} & {*rel}:
            self.addresses.append(names.get("href") or "")


def test_a_reader_fetches_nothing_from_other_hosts(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 90
    for page in pages:
        loaded = Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        assert not [one for one in loaded.addresses if re.match(r"(https?:)?//", one)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text()), style


def test_every_page_has_its_place_in_the_navigation(site: Path) -> None:
    config = tomllib.loads(EXPANDED((ROOT / "zensical.toml").read_text()))
    named = list(pages_of(config["project"]["nav"]))
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(named) == sorted(there | ABOVE)
    assert not [name for name in named if not (site / name).with_suffix(".html").exists()
                and not name.endswith("README.md")]  # fmt: skip


def pages_of(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for one in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(one)


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        (tmp_path / name).write_text("# Page\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "x"\nsite_dir = "site"\n')
    shutil.copy(ROOT / "docs/website.py", tmp_path / "docs")
    static = Path("src/pawsonalize/site/static")
    (tmp_path / static).mkdir(parents=True)
    shutil.copy(ROOT / static / "paw.svg", tmp_path / static)
    (tmp_path / "docs/index.md").write_text("# Home\n\n[gone](gone.md)\n")
    command = [sys.executable, "docs/website.py", str(tmp_path / "out")]
    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "does not exist" in failed.stderr
    (tmp_path / "docs/index.md").write_text("# Home\n")
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
