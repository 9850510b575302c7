"""`pawsonalize dead-letters`: what could not be taken; to be mended, replayed or removed."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.cli.events import printable
from pawsonalize.cli.opening import opened
from pawsonalize.cli.options import Command, DataDir, Json, command_group, read_pairs
from pawsonalize.cli.terminal import progress
from pawsonalize.domain.errors import InvalidInput
from pawsonalize.domain.times import iso, parse_moment
from pawsonalize.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.wings.dead_letters.dead_letters import LetterQuery
    from pawsonalize.wings.dead_letters.letter_replay import LetterReceipt, LetterReplay
    from pawsonalize.wings.dead_letters.letters import DeadLetter

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
_AT_ONCE = 500


@contextmanager
def _opened(data_dir: Path | None) -> "Iterator[LetterReplay]":
    from pawsonalize.wings.dead_letters.composition import letter_replay

    with opened(load_settings({"data_dir": data_dir})) as adapters:
        yield letter_replay(adapters)


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
    from pawsonalize.wings.dead_letters.dead_letters import LetterQuery

    begin = None if since is None else parse_moment(since, "--since")
    end = None if until is None else parse_moment(until, "--until")
    query = LetterQuery(code, source, begin, end)
    with _opened(data_dir) as replay:
        found = replay.letters.page(limit, query).letters
        reasons = replay.letters.reasons(query)
    if json:
        _print_json(found)
        return
    for one in found:
        mended = "  (mended)" if one.mended is not None else ""
        print(f"{one.letter_id}  {iso(one.at)}  {_place(one)}  {_safe(one.message)}{mended}")
    for reason in reasons:
        what = reason.code if reason.field is None else f"{reason.code} of {reason.field}"
        print(f"{reason.count:,} from {reason.source}: {what}")
    print(f"{sum(reason.count for reason in reasons):,} dead letters")


@app.command("show")
def show(letter_id: LetterId, data_dir: DataDir = None, json: Json = False) -> None:
    """Show a letter: why it was refused, what came in, and what it was mended to.

    Example: pawsonalize dead-letters show 019362f1c0de4a7b12cd
    """
    with _opened(data_dir) as replay:
        one = replay.letters.get(letter_id)
    if json:
        _print_json(one)
        return
    print(f"{one.letter_id}: from {_place(one)} at {iso(one.at)}, for {one.dataset_group}")
    print(f"{one.code}: {_safe(one.message)}")
    print(_text(one.raw))
    if one.mended is not None:
        print(f"mended:\n{_text(one.mended)}")


@app.command("mend")
def mend(
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
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Change what is to be taken in a letter's place; what came in stays beside it.

    It is refused, with the reason, if it could not be taken either.

    Example: pawsonalize dead-letters mend 019362f1c0de4a7b12cd --set sessionId=s1
    """
    from pawsonalize.wings.dead_letters.letter_replay import with_values

    if (file is None) is not bool(values or unset):
        raise InvalidInput("say what to change: --set and --unset, or --file")
    with _opened(data_dir) as replay:
        if file is None:
            before = replay.letters.get(letter_id).newest
            mended = with_values(before, read_pairs(values), unset or ())
        else:
            mended = _read(file)
        letter = replay.mend(letter_id, mended, force=force)
    if json:
        _print_json(letter)
        return
    print(f"{letter_id} is mended: take it in with `pawsonalize dead-letters replay {letter_id}`")


@app.command("replay")
def replay(
    letter_ids: LetterIds = None,
    everything: All = False,
    code: Code = None,
    source: Source = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Take letters in again, oldest first; what is taken is a letter no more.

    Exit code 1 if something is left.

    Example: pawsonalize dead-letters replay --source http
    """
    from pawsonalize.wings.dead_letters.letter_replay import LetterReceipt

    query = _which(letter_ids, code, source, everything=everything)
    with _opened(data_dir) as replay, progress("replaying") as bar:
        receipts = []
        total = len(letter_ids) if letter_ids else replay.letters.waiting()
        for done, one in enumerate(_replayed(replay, letter_ids, query), start=1):
            receipts.append(one)
            bar(done, max(done, total))
    found = LetterReceipt.sum(receipts)
    accepted, duplicates, left = found.accepted, found.duplicates, found.left
    if json:
        _print_json(left, accepted=accepted, duplicates=duplicates)
    else:
        for letter in left:
            print(f"{letter.letter_id}: {_safe(letter.message)}")
        print(f"{accepted:,} events taken, {duplicates:,} were there, {len(left):,} letters left")
    if left:
        raise typer.Exit(1)


@app.command("rm")
def rm(
    letter_ids: LetterIds = None,
    everything: All = False,
    code: Code = None,
    source: Source = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Remove letters; the archive keeps its copies for dead_letter_days.

    Example: pawsonalize dead-letters rm --code invalid_json --yes
    """
    query = _which(letter_ids, code, source, everything=everything)
    with _opened(data_dir) as replay:
        if letter_ids:
            removed = replay.letters.remove(letter_ids)
        else:
            count = sum(reason.count for reason in replay.letters.reasons(query))
            if count and not yes:
                typer.confirm(f"Remove {count:,} dead letters?", abort=True)
            removed = replay.letters.remove_matching(query)
    print(f"{removed:,} dead letters removed")


def _which(
    letter_ids: "Sequence[str] | None", code: str | None, source: str | None, *, everything: bool
) -> "LetterQuery":
    from pawsonalize.wings.dead_letters.dead_letters import LetterQuery

    if bool(letter_ids) is (everything or code is not None or source is not None):
        raise InvalidInput("say which letters: by their ids, or --all, --code or --source")
    return LetterQuery(code, source)


def _replayed(
    replay: "LetterReplay", letter_ids: "Sequence[str] | None", query: "LetterQuery"
) -> "Iterator[LetterReceipt]":
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


def _place(one: "DeadLetter") -> str:
    return one.source if one.position is None else f"{one.source} {one.position}"


def _text(data: bytes) -> str:
    try:
        return _safe(data.decode())
    except UnicodeDecodeError:
        parts = (data[n : n + _HEX_BYTES] for n in range(0, len(data), _HEX_BYTES))
        return "\n".join(part.hex(" ") for part in parts)


def _safe(text: str) -> str:
    # A sender must not command the terminal.
    return "".join(
        one if one.isprintable() or one in "\n\t" else one.encode("unicode_escape").decode()
        for one in text
    )


def _print_json(shown: "DeadLetter | Iterable[DeadLetter]", **more: int) -> None:
    from pawsonalize.wings.dead_letters.letters import DeadLetter, letter_answer

    if isinstance(shown, DeadLetter):
        print(msgspec.json.encode(letter_answer(shown)).decode())
        return
    letters = [letter_answer(one) for one in shown]
    print(msgspec.json.encode(more | {"left": letters} if more else letters).decode())


class RefusedTail:
    """Refused events since the last look; the first look finds some of before, too."""

    def __init__(self, adapters: "Adapters", lines: int) -> None:
        from pawsonalize.wings.dead_letters.composition import letters_of

        self._letters = letters_of(adapters)
        self._lines: int | None = lines
        self._since = 0
        self._seen: set[str] = set()

    def lines(self, *, json: bool) -> "Iterator[str]":
        """Yield a line for each, oldest first; of a flood, the newest."""
        from pawsonalize.wings.dead_letters.dead_letters import LetterQuery

        found = self._letters.page(_AT_ONCE, LetterQuery(since=self._since)).letters
        new = [one for one in found if one.letter_id not in self._seen][: self._lines]
        self._lines = None
        self._seen = {one.letter_id for one in found}
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
