"""Build the docs as a site, in dist/site, with nothing from other hosts. `make docs` does it.

python docs/website.py [FOLDER]

The pages are those of docs/, and beside them CHANGELOG.md, CONTRIBUTING.md and SECURITY.md, which
lie above it: so the site is built from a copy in which their links are right. Links are checked:
one that leads nowhere ends the build.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = ROOT / "dist/site"
_ABOVE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_KEPT = {".css", ".md", ".svg", ".png", ".txt"}
_PAW = ROOT / "src/pawsonalize/site/static/paw.svg"
_LINK = re.compile(r"(\]\()([^)#:]+)((?:#[^)]*)?\))")


def build(folder: Path) -> None:
    """Build the site into that folder; CalledProcessError with what is wrong."""
    with tempfile.TemporaryDirectory() as copy:
        source = Path(copy)
        _stage(source / "docs")
        config = (ROOT / "zensical.toml").read_text(encoding="utf-8")
        (source / "zensical.toml").write_text(expanded(config), encoding="utf-8")
        zensical = Path(sys.executable).parent / "zensical"
        subprocess.run(  # noqa: S603 - our own program
            [str(zensical), "build", "--strict", "--clean"],
            cwd=source,
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"NO_COLOR": "1"},
        )
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(source / "site", folder)


def expanded(config: str) -> str:
    """The configuration with names of pages in place of each `"folder/*"`."""

    def named(found: re.Match[str]) -> str:
        pages = sorted(
            f"{found[2]}/{page.name}"
            for page in (ROOT / "docs" / found[2]).glob("*.md")
            if f'"{found[2]}/{page.name}"' not in config
        )
        return "".join(f'{found[1]}"{page}",\n' for page in pages)

    return re.sub(r'^( *)"([\w-]+)/\*",\n', named, config, flags=re.M)


def _stage(target: Path) -> None:
    """Copy the pages and their pictures, each link as it is in the copy."""
    for path in sorted((ROOT / "docs").rglob("*")):
        if path.suffix in _KEPT:
            _place(path, target / path.relative_to(ROOT / "docs"))
    _place(_PAW, target / "images" / _PAW.name)
    for name in _ABOVE:
        _place(ROOT / name, target / name.lower())


def _place(page: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if page.suffix != ".md":
        shutil.copy(page, copy)
        return
    up = "../" * len(page.relative_to(ROOT).parents[:-2])

    def linked(found: re.Match[str]) -> str:
        target = (page.parent / found[2]).resolve()
        if target.parent == ROOT and target.name in _ABOVE:
            return f"{found[1]}{up}{target.name.lower()}{found[3]}"
        if page.parent == ROOT and target.is_relative_to(ROOT / "docs"):
            return f"{found[1]}{target.relative_to(ROOT / 'docs')}{found[3]}"
        if target.is_relative_to(ROOT / "docs"):
            return found[0]
        return f"{found[1]}{up}index.md)"  # a file of the source, which the site has not

    copy.write_text(_LINK.sub(linked, page.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    """Build the site, or say what is wrong with it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SITE
    try:
        build(folder.resolve())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error.stdout}\n{error.stderr}")
    print(f"the docs are in {folder}/index.html")


if __name__ == "__main__":
    main()
