"""The Dockerfile, step by step, as far as tests look at it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/container/Dockerfile"


def steps() -> list[tuple[str, str]]:
    """Each step: its word and what follows, without comments and on one line."""
    lines = [
        line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word, rest)
        for word, _, rest in (line.partition(" ") for line in joined.splitlines())
        if rest
    ]


def last_stage() -> list[tuple[str, str]]:
    """The steps of the stage that becomes the image."""
    found = steps()
    begins = max(n for n, (word, _) in enumerate(found) if word == "FROM")
    return found[begins:]


def environment() -> dict[str, str]:
    """The variables that the image has."""
    words = " ".join(rest for word, rest in last_stage() if word == "ENV")
    return dict(re.findall(r"([A-Z_]+)=(\S+)", words))
