"""WCAG AA, computed from the stylesheet: 4.5 to 1 for text, 3 to 1 for what outlines a field."""

import re
from importlib.resources import files

import pytest

CSS = files("pawsonalize.site").joinpath("static", "site.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for block in re.findall(r":root \{(.*?)\n *\}", CSS, re.DOTALL)
)
TINTS = [f"tint-{number}" for number in range(6)]
TEXT = [
    *[(ink, ground) for ink in ("ink", "soft", "accent", "leaf") for ground in ("paper", "card")],
    *[("ink", ground) for ground in ("accent-soft", "hero", *TINTS)],
    ("on-accent", "accent"),
    ("paper", "ink"),
]


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_can_be_read(subtests: pytest.Subtests) -> None:
    for scheme in (LIGHT, LIGHT | DARK):
        for ink, ground in TEXT:
            with subtests.test(scheme=scheme, ink=ink, ground=ground):
                assert contrast(scheme[ink], scheme[ground]) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, LIGHT | DARK], ids=["light", "dark"])
def test_fields_and_focus_can_be_seen(scheme: dict[str, str]) -> None:
    assert contrast(scheme["soft"], scheme["paper"]) >= 3
    assert min(contrast(scheme["accent"], scheme[ground]) for ground in ("paper", "card")) >= 3
