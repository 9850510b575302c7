"""Draw the pictures of docs/pictures from their text, or with --check say which are old.

python docs/pictures.py [--check]

A text has `title:` and `says:` (what the picture shows, for those who cannot see it), then boxes
and arrows:

    [box] what it is
    [left] ... | [right] ...        boxes that stand side by side
    box -> left: why                an arrow down to the next row, or round others to a later one
"""

import re
import sys
import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent / "pictures"
_WIDTH, _MARGIN, _GAP, _PADDING, _LANE = 400, 12, 12, 9, 96
_LINE, _SPACE = 17, 26
_LETTER, _BOLD_LETTER, _SMALL_LETTER = 6.7, 7.8, 6.2
"""A card of its own, so that it reads on any page; dark where the reader's device is dark."""
_STYLE = """\
text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#1c2733}
.b{font-weight:600;font-size:14px}.s{font-size:12px;fill:#51606e}
.card{fill:#fff}.box{fill:#eef4fa;stroke:#7f9bb5}.line{fill:none;stroke:#51606e;stroke-width:1.5}
.tip{fill:#51606e}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#a8b6c4}.card{fill:#0f1720}
.box{fill:#1b2836;stroke:#5b7690}.line{stroke:#a8b6c4}.tip{fill:#a8b6c4}}"""


@dataclass
class Box:
    """A box of a row; its place is known once all rows are."""

    name: str
    words: str
    row: int
    left: float = 0
    width: float = 0
    top: float = 0
    height: float = 0

    @property
    def middle(self) -> float:
        """Where its middle is, from the left."""
        return self.left + self.width / 2

    def lines(self) -> list[tuple[str, str]]:
        """Its text as lines, each with its class."""
        room = self.width - 2 * _PADDING
        heading = textwrap.wrap(self.name, int(room / _BOLD_LETTER))
        return [("b", line) for line in heading] + [
            ("", line) for line in textwrap.wrap(self.words, int(room / _LETTER))
        ]


@dataclass(frozen=True)
class Arrow:
    """From one box to another."""

    start: Box
    end: Box
    label: str

    @property
    def passes(self) -> bool:
        """Whether it has to go round the rows between."""
        return self.end.row > self.start.row + 1


@dataclass(frozen=True)
class Picture:
    """What a text describes."""

    title: str
    says: str
    rows: list[list[Box]]
    arrows: list[Arrow]

    @property
    def lane(self) -> float:
        """The room at the right for arrows that go round, if there are any."""
        return _LANE if any(arrow.passes for arrow in self.arrows) else 0


def read(text: str) -> Picture:
    """The picture that a text describes."""
    heads: dict[str, str] = {}
    rows: list[list[Box]] = []
    arrows: list[Arrow] = []
    boxes: dict[str, Box] = {}
    for line in filter(str.strip, text.splitlines()):
        if found := re.fullmatch(r"(title|says): (.+)", line):
            heads[found[1]] = found[2]
        elif line.startswith("["):
            row = [
                Box(name, words.strip(), len(rows))
                for name, words in re.findall(r"\[([^]]+)\]([^|]*)", line)
            ]
            rows.append(row)
            boxes |= {box.name: box for box in row}
        elif found := re.fullmatch(r"(.+?) -> (.+?)(?:: (.+))?", line):
            arrows.append(Arrow(boxes[found[1]], boxes[found[2]], found[3] or ""))
        else:
            raise ValueError(f"neither a head, a row nor an arrow: {line}")
    return Picture(heads["title"], heads["says"], rows, arrows)


def _place(picture: Picture) -> float:
    """Give every box its place; the answer is the height of all."""
    top = float(_MARGIN)
    for row in picture.rows:
        room = _WIDTH - 2 * _MARGIN - picture.lane - _GAP * (len(row) - 1)
        for number, box in enumerate(row):
            box.width = room / len(row)
            box.left = _MARGIN + number * (box.width + _GAP)
            box.top = top
        height = max(len(box.lines()) for box in row) * _LINE + 2 * _PADDING
        for box in row:
            box.height = height
        top += height + _SPACE
    return top - _SPACE + _MARGIN


def _text(kind: str, left: float, base: float, line: str) -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{left:.0f}" y="{base:.0f}">{escape(line)}</text>'


def _draw_box(box: Box) -> list[str]:
    drawn = [
        f'<rect class="box" x="{box.left:.0f}" y="{box.top:.0f}" width="{box.width:.0f}"'
        f' height="{box.height:.0f}" rx="8"/>'
    ]
    for number, (kind, line) in enumerate(box.lines(), 1):
        base = box.top + _PADDING + number * _LINE - 4
        drawn.append(_text(kind, box.left + _PADDING, base, line))
    return drawn


def _draw_arrow(arrow: Arrow) -> list[str]:
    start, end = arrow.start, arrow.end
    if arrow.passes:
        lane, out, back = (
            _WIDTH - _MARGIN,
            start.top + start.height / 2,
            end.top + end.height / 2,
        )
        edge = end.left + end.width
        lines = textwrap.wrap(arrow.label, int((_LANE - 12) / _SMALL_LETTER))
        return [
            f'<path class="line" d="M{start.left + start.width:.0f} {out:.0f}H{lane}V{back:.0f}'
            f'H{edge + 6:.0f}"/>',
            f'<path class="tip" d="M{edge:.0f} {back:.0f}l8-4v8z"/>',
            *(
                _text("s", edge + 6, out - 5 - 14 * (len(lines) - 1 - number), line)
                for number, line in enumerate(lines)
            ),
        ]
    wide = start if start.width >= end.width else end
    narrow = end if wide is start else start
    reached = wide.left <= narrow.middle <= wide.left + wide.width
    leaves = narrow.middle if reached else start.middle
    comes = narrow.middle if reached else end.middle
    bottom = start.top + start.height
    return [
        f'<path class="line" d="M{leaves:.0f} {bottom:.0f}V{(bottom + end.top) / 2:.0f}'
        f'H{comes:.0f}V{end.top - 6:.0f}"/>',
        f'<path class="tip" d="M{comes:.0f} {end.top:.0f}l-4-8h8z"/>',
        *([_text("s", comes + 8, bottom + 17, arrow.label)] if arrow.label else []),
    ]


def draw(text: str) -> str:
    """The SVG of a text."""
    picture = read(text)
    height = _place(picture)
    parts = [part for row in picture.rows for box in row for part in _draw_box(box)]
    parts += [part for arrow in picture.arrows for part in _draw_arrow(arrow)]
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="title says"'
        f' width="{_WIDTH}" height="{height:.0f}" viewBox="0 0 {_WIDTH} {height:.0f}">\n'
        f'<title id="title">{escape(picture.title)}</title>\n'
        f'<desc id="says">{escape(picture.says)}</desc>\n<style>\n{_STYLE}\n</style>\n'
        f'<rect class="card" width="{_WIDTH}" height="{height:.0f}" rx="10"/>\n{body}\n</svg>\n'
    )


def main() -> None:
    """Draw the pictures, or with --check exit with 1 if one is not current."""
    stale = []
    for source in sorted(FOLDER.glob("*.txt")):
        drawn, svg = source.with_suffix(".svg"), draw(source.read_text(encoding="utf-8"))
        if not drawn.exists() or drawn.read_text(encoding="utf-8") != svg:
            stale.append(drawn.name)
            if "--check" not in sys.argv:
                drawn.write_text(svg, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.exit(f"not current, run `make docs`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
