"""`pawsonalize dead-letters`: what could not be taken; to be mended, replayed or removed."""

import sys
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli.opening import add_command, opened
from pawsonalize.app.cli.options import Command, DataDir, Json, command_group, read_pairs
from pawsonalize.app.cli.terminal import printable, progress
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.late import late
from pawsonalize.core.times import iso, parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.plugins.dead_letters import keeping, letters
else:
    keeping = late("pawsonalize.plugins.dead_letters.keeping")
    letters = late("pawsonalize.plugins.dead_letters.letters")

app = command_group("Dead letters: what came in and could not be taken.")

LetterId = Annotated[str, typer.Argument(help="The dead letter.")]
LetterIds = Annotated[list[str] | None, typer.Argument(help="The dead letters.")]
All = Annotated[bool, typer.Option("--all", help="All of them.")]
Code = Annotated[
    str | None, typer.Option(help="Those refused for this reason.", show_default="any")
]
Source = Annotated[
    str | None, typer.Option(help="Those from there: http, or a stream's URL.", show_default="any")
]
_HEX_COLUMNS = 48  # of 16 bytes
_KEPT = "\n\t"  # signs of a text that are printed as they are
_AT_ONCE = 500
_REPLAYED_AT_ONCE = 100


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
    query = letters.DeadLetterQuery(code, source, begin, end)
    with opened(data_dir) as adapters:
        table = letters.DeadLetters(adapters.database)
        newest, reasons = table.page(limit, query).letters, table.reasons(query)
    if json:
        print(msgspec.json.encode(list(map(letters.Letter.of, newest))).decode())
        return
    for letter in newest:
        mended = "" if letter.mended is None else "  (mended)"
        at, why = iso(letter.at), printable(letter.message, _KEPT)
        print(f"{letter.letter_id}  {at}  {_place(letter)}  {why}{mended}")
    for reason in reasons:
        what = reason.code if reason.field is None else f"{reason.code} of {reason.field}"
        print(f"{reason.count:,} from {reason.source}: {what}")
    print(f"{sum(reason.count for reason in reasons):,} dead letters")


def _place(letter: "letters.DeadLetter | letters.Letter") -> str:
    return letter.source if letter.position is None else f"{letter.source} {letter.position}"


def _print_letter(letter: "letters.Letter") -> None:
    print(f"{letter.letter_id}: from {_place(letter)} at {letter.at}, for {letter.dataset_group}")
    print(f"{letter.code}: {printable(letter.message, _KEPT)}")
    print(_text(letter.raw, letter.raw_base64))
    if letter.mended is not None or letter.mended_base64 is not None:
        print(f"mended:\n{_text(letter.mended, letter.mended_base64)}")


def _text(text: str | None, data: bytes | None) -> str:
    return fill((data or b"").hex(" "), _HEX_COLUMNS) if text is None else printable(text, _KEPT)


@add_command(app, "show", _print_letter)
def show(adapters: "Adapters", letter_id: LetterId) -> "letters.Letter":
    """Show a dead letter: why it was refused, what came in, and what it was mended to.

    Example: pawsonalize dead-letters show 019362f1c0de4a7b12cd
    """
    return letters.Letter.of(letters.DeadLetters(adapters.database).get(letter_id))


def _print_mended(letter: "letters.Letter") -> None:
    move = f"take it in with `pawsonalize dead-letters replay {letter.letter_id}`"
    print(f"{letter.letter_id} is mended: {move}")


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
) -> "letters.Letter":
    """Change what is to be taken in a dead letter's place; what came in stays beside it.

    It is refused, with the reason, if it could not be taken either.

    Example: pawsonalize dead-letters mend 019362f1c0de4a7b12cd --set sessionId=s1
    """
    if (file is None) is not bool(values or unset):
        raise InvalidInput("say what to change: --set and --unset, or --file")
    replay = keeping.Replay(adapters)
    if file is None:
        before = replay.letters.get(letter_id).newest
        mended = keeping.with_values(before, read_pairs(values), unset or ())
    else:
        try:
            mended = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        except OSError as error:
            raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    return letters.Letter.of(replay.mend(letter_id, mended, force=force))


def _print_replayed(result: "keeping.ReplayedLetters") -> None:
    for letter in result.left:
        print(f"{letter.letter_id}: {printable(letter.message, _KEPT)}")
    counts = f"{result.accepted:,} events taken, {result.duplicates:,} were there"
    print(f"{counts}, {len(result.left):,} letters left")


@add_command(app, "replay", _print_replayed, failed=lambda result: bool(result.left))
def replay(
    adapters: "Adapters",
    letter_ids: LetterIds = None,
    everything: All = False,
    code: Code = None,
    source: Source = None,
) -> "keeping.ReplayedLetters":
    """Take dead letters in again, oldest first; what is taken is a dead letter no more.

    Exit code 1 if something is left.

    Example: pawsonalize dead-letters replay --source http
    """
    query = letters.DeadLetterQuery(code, source, letter_ids=letter_ids or None)
    query.checked(everything=everything)
    replay, cursor = keeping.Replay(adapters), None
    total = sum(reason.count for reason in replay.letters.reasons(query))
    results = list[keeping.ReplayedLetters]()
    with progress("replaying") as bar:
        while not results or cursor is not None:
            results.append(replay.replay(query, cursor, _REPLAYED_AT_ONCE))
            cursor = results[-1].next_cursor
            bar(min(len(results) * _REPLAYED_AT_ONCE, total), total)
    return keeping.ReplayedLetters(
        sum(result.accepted for result in results),
        sum(result.duplicates for result in results),
        tuple(letter for result in results for letter in result.left),
        next_cursor=None,
    )


@add_command(app, "delete", "{deleted:,} dead letters removed".format_map)
def delete(
    adapters: "Adapters",
    letter_ids: LetterIds = None,
    everything: All = False,
    code: Code = None,
    source: Source = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> dict[str, int]:
    """Remove dead letters; the archive keeps its copies for dead_letter_days.

    Example: pawsonalize dead-letters delete --code invalid_json --yes
    """
    query = letters.DeadLetterQuery(code, source, letter_ids=letter_ids or None)
    query.checked(everything=everything)
    table = letters.DeadLetters(adapters.database)
    count = sum(reason.count for reason in table.reasons(query))
    if count and not letter_ids and not yes:
        typer.confirm(f"Remove {count:,} dead letters?", abort=True, err=True)
    return {"deleted": table.remove(query)}


class RefusedTail:
    """Refused events since the last look; the first look finds some of before, too."""

    def __init__(self, adapters: "Adapters", lines: int) -> None:
        self._letters = letters.DeadLetters(adapters.database)
        self._most, self._since, self._seen = lines, 0, set[str]()

    def lines(self, json: bool) -> "Iterator[str]":
        """Yield a line for each, oldest first; of a flood, the newest."""
        newest = self._letters.page(_AT_ONCE, letters.DeadLetterQuery(since=self._since)).letters
        new = [letter for letter in newest if letter.letter_id not in self._seen][: self._most]
        self._most, self._seen = _AT_ONCE, {letter.letter_id for letter in newest}
        # This moment is read again, as more may come within it.
        self._since = newest[0].at if newest else self._since
        for letter in reversed(new):
            at, letter_id = iso(letter.at), letter.letter_id
            if json:
                names = ("source", "code", "field", "message")
                shown = {"letterId": letter_id, "at": at}
                shown |= {name: getattr(letter, name) for name in names}
                yield msgspec.json.encode({"refused": shown}).decode()
            else:
                text = f"{letter.field}: " * (letter.field is not None) + letter.message
                show = f"(pawsonalize dead-letters show {letter_id})"
                yield f"{at}  refused  {printable(text)}  {show}"


COMMANDS = (Command("dead-letters", app, "Animals and events"),)
