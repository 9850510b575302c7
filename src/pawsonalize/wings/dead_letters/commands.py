"""`pawsonalize dead-letters`: what could not be taken; to be mended, replayed or removed."""

import base64
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.cli.opening import add_command, opened
from pawsonalize.cli.options import Command, DataDir, Json, command_group, read_pairs
from pawsonalize.cli.terminal import printable, progress
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.late import late

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.wings.dead_letters import composition, dead_letters, letter_replay
    from pawsonalize.wings.dead_letters import letters as letter_forms
else:
    composition = late("pawsonalize.wings.dead_letters.composition")
    dead_letters = late("pawsonalize.wings.dead_letters.dead_letters")
    letter_replay = late("pawsonalize.wings.dead_letters.letter_replay")
    letter_forms = late("pawsonalize.wings.dead_letters.letters")

app = command_group("Dead letters: what came in and could not be taken.")

LetterId = Annotated[str, typer.Argument(help="The letter.")]
LetterIds = Annotated[list[str] | None, typer.Argument(help="The letters.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Code = Annotated[
    str | None, typer.Option(help="Those refused for this reason.", show_default="any")
]
Source = Annotated[
    str | None, typer.Option(help="Those from there: http, or a stream's URL.", show_default="any")
]
_HEX_BYTES = 16
_KEPT = "\n\t"  # signs of a text that are printed as they are
_AT_ONCE = 500


@app.command("ls")
def ls(
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 50,
    code: Code = None,
    source: Source = None,
    since: Annotated[
        str | None, typer.Option(help="Those that came in from this moment on.", show_default="any")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Those that came in before it.", show_default="any")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List dead letters, newest first, and how many wait for which reason.

    Example: pawsonalize dead-letters ls --code invalid_json
    """
    begin = None if since is None else parse_moment(since, "--since")
    end = None if until is None else parse_moment(until, "--until")
    query = dead_letters.LetterQuery(code, source, begin, end)
    with opened(data_dir) as adapters:
        letters = composition.letter_replay(adapters).letters
        found, reasons = letters.page(limit, query).letters, letters.reasons(query)
    if json:
        print(msgspec.json.encode(list(map(letter_forms.letter_answer, found))).decode())
        return
    for one in map(letter_forms.letter_answer, found):
        mended = "" if one.mended is None and one.mended_base64 is None else "  (mended)"
        print(f"{one.letter_id}  {one.at}  {_place(one)}  {printable(one.message, _KEPT)}{mended}")
    for reason in reasons:
        what = reason.code if reason.field is None else f"{reason.code} of {reason.field}"
        print(f"{reason.count:,} from {reason.source}: {what}")
    print(f"{sum(reason.count for reason in reasons):,} dead letters")


def _place(one: "letter_forms.Letter") -> str:
    return one.source if one.position is None else f"{one.source} {one.position}"


def _print_letter(one: "letter_forms.Letter") -> None:
    print(f"{one.letter_id}: from {_place(one)} at {one.at}, for {one.dataset_group}")
    print(f"{one.code}: {printable(one.message, _KEPT)}")
    print(_text(one.raw, one.raw_base64))
    if one.mended is not None or one.mended_base64 is not None:
        print(f"mended:\n{_text(one.mended, one.mended_base64)}")


@add_command(app, "show", _print_letter)
def show(adapters: "Adapters", letter_id: LetterId) -> "letter_forms.Letter":
    """Show a letter: why it was refused, what came in, and what it was mended to.

    Example: pawsonalize dead-letters show 019362f1c0de4a7b12cd
    """
    return letter_forms.letter_answer(composition.letter_replay(adapters).letters.get(letter_id))


def _print_mended(one: "letter_forms.Letter") -> None:
    move = f"take it in with `pawsonalize dead-letters replay {one.letter_id}`"
    print(f"{one.letter_id} is mended: {move}")


@add_command(app, "mend", _print_mended)
def mend(
    adapters: "Adapters",
    letter_id: LetterId,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value, path=value, such as events[0].sessionId=s1."),
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="A path to leave out.")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="All of it from a file; -: from stdin.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Store it even if it cannot be taken.")
    ] = False,
) -> "letter_forms.Letter":
    """Change what is to be taken in a letter's place; what came in stays beside it.

    It is refused, with the reason, if it could not be taken either.

    Example: pawsonalize dead-letters mend 019362f1c0de4a7b12cd --set sessionId=s1
    """
    if (file is None) is not bool(values or unset):
        raise InvalidInput("say what to change: --set and --unset, or --file")
    replay = composition.letter_replay(adapters)
    if file is None:
        before = replay.letters.get(letter_id).newest
        mended = letter_replay.with_values(before, read_pairs(values), unset or ())
    else:
        mended = _read(file)
    return letter_forms.letter_answer(replay.mend(letter_id, mended, force=force))


def _print_replayed(found: "letter_replay.LetterReceipt") -> None:
    for letter in found.left:
        print(f"{letter.letter_id}: {printable(letter.message, _KEPT)}")
    counts = f"{found.accepted:,} events taken, {found.duplicates:,} were there"
    print(f"{counts}, {len(found.left):,} letters left")


@add_command(app, "replay", _print_replayed, failed=lambda found: bool(found.left))
def replay(
    adapters: "Adapters",
    letter_ids: LetterIds = None,
    everything: All = False,
    code: Code = None,
    source: Source = None,
) -> "letter_replay.LetterReceipt":
    """Take letters in again, oldest first; what is taken is a letter no more.

    Exit code 1 if something is left.

    Example: pawsonalize dead-letters replay --source http
    """
    query = _which(letter_ids, code, source, everything=everything)
    replay = composition.letter_replay(adapters)
    with progress("replaying") as bar:
        receipts = []
        total = len(letter_ids) if letter_ids else replay.letters.waiting()
        for done, one in enumerate(_replayed(replay, letter_ids, query), start=1):
            receipts.append(one)
            bar(done, max(done, total))
    return letter_replay.LetterReceipt.sum(receipts)


@add_command(app, "rm")
def rm(
    adapters: "Adapters",
    letter_ids: LetterIds = None,
    everything: All = False,
    code: Code = None,
    source: Source = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove letters; the archive keeps its copies for dead_letter_days.

    Example: pawsonalize dead-letters rm --code invalid_json --yes
    """
    query = _which(letter_ids, code, source, everything=everything)
    letters = composition.letter_replay(adapters).letters
    if letter_ids:
        removed = letters.remove(letter_ids)
    else:
        count = sum(reason.count for reason in letters.reasons(query))
        if count and not yes:
            typer.confirm(f"Remove {count:,} dead letters?", abort=True)
        removed = letters.remove_matching(query)
    print(f"{removed:,} dead letters removed")


def _which(
    letter_ids: "Sequence[str] | None", code: str | None, source: str | None, *, everything: bool
) -> "dead_letters.LetterQuery":
    if bool(letter_ids) is (everything or code is not None or source is not None):
        raise InvalidInput("say which letters: by their ids, or --all, --code or --source")
    return dead_letters.LetterQuery(code, source)


def _replayed(
    replay: "letter_replay.LetterReplay",
    letter_ids: "Sequence[str] | None",
    query: "dead_letters.LetterQuery",
) -> "Iterator[letter_replay.LetterReceipt]":
    if letter_ids:
        named = dict.fromkeys(letter_ids)
        yield from replay.replay([replay.letters.get(one) for one in named])
        return
    receipts, last = replay.replay_matching(query)
    yield from receipts
    while last is not None:
        receipts, last = replay.replay_matching(query, last)
        yield from receipts


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error


def _text(text: str | None, in_base64: str | None) -> str:
    if text is not None:
        return printable(text, _KEPT)
    data = base64.b64decode(in_base64 or "")
    parts = (data[n : n + _HEX_BYTES] for n in range(0, len(data), _HEX_BYTES))
    return "\n".join(part.hex(" ") for part in parts)


class RefusedTail:
    """Refused events since the last look; the first look finds some of before, too."""

    def __init__(self, adapters: "Adapters", lines: int) -> None:
        self._letters = composition.letters_of(adapters)
        self._lines: int | None = lines
        self._since = 0
        self._seen: set[str] = set()

    def lines(self, *, json: bool) -> "Iterator[str]":
        """Yield a line for each, oldest first; of a flood, the newest."""
        found = self._letters.page(_AT_ONCE, dead_letters.LetterQuery(since=self._since)).letters
        new = [one for one in found if one.letter_id not in self._seen][: self._lines]
        self._lines = None
        self._seen = {one.letter_id for one in found}
        # This moment is read again, as more may come within it.
        self._since = max((one.at for one in found), default=self._since)
        for letter in reversed(new):
            at, letter_id = iso(letter.at), letter.letter_id
            if json:
                shown = {"letterId": letter_id, "at": at}
                names = ("source", "code", "field", "message")
                shown |= {name: getattr(letter, name) for name in names}
                yield msgspec.json.encode({"refused": shown}).decode()
            else:
                text = f"{letter.field}: " * (letter.field is not None) + letter.message
                show = f"(pawsonalize dead-letters show {letter_id})"
                yield f"{at}  refused  {printable(text)}  {show}"


COMMANDS = (Command("dead-letters", app, "Animals and events"),)
