"""What the documentation promises is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT)
    for folder in (".", "docs")
    for page in (ROOT / folder).glob("*.md" if folder == "." else "**/*.md")
)
PICTURES = [picture.name for picture in (ROOT / "docs/pictures").glob("*.svg")]


@pytest.mark.parametrize("maker", ["generate.py", "pictures.py"])
def test_the_pages_and_pictures_that_are_made_are_current(maker: str) -> None:
    done = subprocess.run(
        [sys.executable, f"docs/{maker}", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_link_leads_to_a_page_and_to_its_part(subtests: pytest.Subtests) -> None:
    links = re.compile(r"\]\(([^)#:]*)(?:#([^)]*))?\)")
    assert sum(len(links.findall(_text(page))) for page in PAGES) > 500
    for page in PAGES:
        with subtests.test(page=page):
            for target, part in links.findall(_text(page)):
                found = (ROOT / page).parent / target if target else ROOT / page
                assert found.exists(), f"{page} links to {target}"
                assert not part or part in _headings(found), f"{page} links to {target}#{part}"


def _text(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def _headings(page: Path) -> set[str]:
    """As addresses have them: lower case, `-` for spaces, without other marks."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_file_that_a_page_names_is_there(subtests: pytest.Subtests) -> None:
    names = re.compile(r"`((?:[a-z_]+/)+[a-z_]{2,}\.(?:py|txt))`")
    assert sum(len(names.findall(_text(page))) for page in PAGES) > 50
    for page in PAGES:
        with subtests.test(page=page):
            for name in names.findall(_text(page)):
                places = ("", "src/pawsonalize/", "src/pawsonalize/models/recipes/")
                assert any((ROOT / place / name).exists() for place in places), (
                    f"{page} names {name}"
                )


def test_every_picture_says_in_words_what_it_shows(subtests: pytest.Subtests) -> None:
    pictures = {page: re.findall(r"!\[([^]]*)\]\(", _text(page)) for page in PAGES}
    assert sum(map(len, pictures.values())) > 10
    for page, titles in pictures.items():
        with subtests.test(page=page):
            assert all(titles)


def test_every_picture_is_shown_on_a_page() -> None:
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert PICTURES
    assert [name for name in PICTURES if f"pictures/{name}" not in text] == []


def test_every_image_is_shown_on_a_page() -> None:
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    images = sorted(path.name for path in (ROOT / "docs/images").glob("*.png"))
    assert images
    assert [name for name in images if f"images/{name})" not in text] == []


def test_every_dependency_has_its_line_of_why() -> None:
    wanted = set(
        re.findall(r'^    "([A-Za-z0-9-]+)[\[>;]', (ROOT / "pyproject.toml").read_text(), re.M)
    )
    explained = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    assert len(wanted) > 15
    assert [name for name in sorted(wanted) if name not in explained] == []


def test_the_first_screen_of_the_readme_names_both_commands() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:30]
    assert any(line.startswith("make run") for line in first_screen)
    assert any(line.startswith("make test") for line in first_screen)
