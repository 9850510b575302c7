"""The map and the table of CONTRIBUTING.md, and paths on pages, name what is there."""

import re
import tomllib
from collections.abc import Iterator
from itertools import takewhile

from tests.house.test_docs import PAGES, ROOT

PACKAGE = ROOT / "src" / "pawsonalize"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def map_lines() -> Iterator[tuple[list[str], str]]:
    """Yield for each line its folders, and what it says of them."""
    drawn = CONTRIBUTING.partition("## Where things are")[2].split("```")[1]
    for line in drawn.strip().splitlines():
        words = line.split()
        names = list(takewhile(lambda word: word.endswith("/"), words))
        yield names, " ".join(words[len(names) :])


def test_the_map_has_each_folder_once() -> None:
    packages = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(name for names, _ in map_lines() for name in names) == sorted(packages)


def test_no_module_lies_beside_the_slices() -> None:
    assert [path.name for path in PACKAGE.glob("*.py")] == ["__init__.py"]


def test_the_lines_of_the_map_are_in_the_order_of_imports() -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [one["layers"] for one in rules["contracts"] if one["type"] == "layers"]
    drawn = [sorted(name.rstrip("/") for name in names) for names, _ in map_lines()]
    assert drawn == [sorted(layer.split(" | ")) for layer in layers]


def test_what_the_map_says_of_a_folder_names_folders_in_it() -> None:
    named = [
        (names, inner)
        for names, said in map_lines()
        for inner in re.findall(r"(?<![\w/])([a-z_]+/)", said)
    ]
    assert named
    for names, inner in named:
        assert any((PACKAGE / name / inner).is_dir() for name in names), inner


def table_rows() -> list[str]:
    table = CONTRIBUTING.partition("| to add a… | touch |\n|---|---|\n")[2].partition("\n\n")[0]
    return table.splitlines()


def is_there(path: str) -> bool:
    """True if there is such a path; of `plugins/x/` and `models/recipes/x.py`, the folder."""
    known = re.split(r"(?<=/)x(?=[./])", path)[0]
    return any((start / known).exists() for start in (ROOT, PACKAGE))


def test_each_path_that_the_table_says_to_touch_is_there() -> None:
    paths = [path for row in table_rows() for path in re.findall(r"`([\w.]+/[\w./]*)`", row)]
    paths += [path for row in table_rows() for path in re.findall(r" (docs/[\w./-]+\.md)", row)]
    assert len(paths) > 40
    made = [path for path in paths if not path.startswith("dist/")]
    assert [path for path in made if not is_there(path)] == []


def test_each_name_that_the_table_says_to_touch_is_in_the_code() -> None:
    words = [
        word
        for row in table_rows()
        for name in re.findall(r"`@?([A-Za-z_]+(?:\.[A-Za-z_]+)?)`", row)
        for word in name.split(".")
    ]
    assert len(words) > 20
    folders = [ROOT / name for name in ("src", "tests", "docs")]
    code = {
        word
        for folder in folders
        for path in folder.rglob("*.py")
        for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))
    }
    assert [word for word in words if word not in code] == []


def test_each_folder_of_the_code_that_a_page_of_today_names_is_there() -> None:
    tops = {path.name for path in PACKAGE.iterdir()} | {"tests", "deploy", "docs", "benchmarks"}
    paths = [
        (page, path)
        for page in PAGES
        if "adr" not in page.parts and page.name != "CHANGELOG.md"  # which tell of other days
        for path in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", (ROOT / page).read_text("utf-8"))
        if path.partition("/")[0] in tops
    ]
    assert len(paths) > 100
    assert [(str(page), path) for page, path in paths if not is_there(path)] == []
