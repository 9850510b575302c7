"""`pawsonalize live-tests`: which design fits; begin, read, pause, stop and promote."""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import add_command, opened
from pawsonalize.app.cli.options import Command, DataDir, Json, command_group
from pawsonalize.app.cli.terminal import print_listing, print_result
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput

if TYPE_CHECKING:
    from pawsonalize.app.adapters import Adapters
    from pawsonalize.plugins.live_tests.stored import LiveTest

app = command_group("Live tests: visitors judge which of two versions is better.")
_Name = Annotated[str, typer.Argument(help="The live test.")]
_Weight = Annotated[
    float | None,
    typer.Option(help="Share of its places that are explored.", show_default="the campaign's"),
]


@app.command("advise")
def advise(data_dir: DataDir = None, json: Json = False) -> None:
    """Say which design of a live test would fit this service, and how long it would take.

    Reads what is stored of the newest 28 days. Starts nothing.

    Example: pawsonalize live-tests advise
    """
    from pawsonalize.plugins.live_tests.advice import DIFFERENCES
    from pawsonalize.plugins.live_tests.traffic import Traffic

    with opened(data_dir) as adapters:
        seen = Traffic.read(adapters.outcome_sources, clock.now())
    lacks = seen.lacks()
    advice = None if lacks else seen.advise()
    print_result({"traffic": seen, "lacks": lacks, "advice": advice}, json, lambda _: lacks)
    if advice is None or json:
        return
    counts = f"{seen.visits:,} visits, {seen.inquiries:,} inquiries, {seen.adoptions:,} adoptions"
    print(f"In {seen.days} days: {counts}; {seen.available:,} available, shelters: {seen.shelters}")
    print(f"Fits here: {advice.design}. {advice.reason}\n")
    print("About so many days until a difference in inquiries (switchback: adoptions) is found:")
    rows = []
    for design, days in advice.days.items():
        cells = ("over 1,000" if one is None else f"{one:,.1f}" for one in days)
        rows.append((design, *cells, advice.others.get(design, "")))
    print_listing(("design", *(f"{one:.0%}" for one in DIFFERENCES), "what it gets wrong"), rows)


def _print_tests(found: "list[LiveTest]") -> None:
    names = ("test", "design", "state", "says", "since", "campaign")
    print_listing(names, [_row(one) for one in found])


def _row(test: "LiveTest") -> tuple[str, ...]:
    from pawsonalize.core.times import iso

    says = "not read yet" if test.newest is None else test.newest.verdict
    return test.name, test.design, test.state, says, iso(test.began_at)[:10], test.campaign


def _print_test(test: "LiveTest") -> None:
    from pawsonalize.plugins.live_tests.sentences import sentences

    _print_tests([test])
    print("", *sentences(test), sep="\n")


@add_command(app, "create", _print_test)
def create(
    adapters: "Adapters",
    name: _Name,
    *,
    second: Annotated[str, typer.Option(help="Version or campaign of arm 1, to be better.")],
    first: Annotated[
        str, typer.Option(help="That of arm 0, or as-sent.", show_default="the served one")
    ] = "",
    first_exploration: _Weight = None,
    second_exploration: _Weight = None,
    campaign: Annotated[str, typer.Option(help="Whose answers.")] = "recommender",
    design: Annotated[str, typer.Option(help="interleave, ab or switchback.")] = "interleave",
    share: Annotated[float, typer.Option(help="Share of visitors in it.")] = 1.0,
    days: Annotated[int, typer.Option(help="Whole weeks.")] = 28,
    metric: Annotated[str, typer.Option(help="The event that decides.")] = "inquiry",
    margin: Annotated[float, typer.Option(help="What is equal enough.")] = 0.02,
    pool: Annotated[str, typer.Option(help="Switchbacks that are read together.")] = "",
    promotes: Annotated[
        bool, typer.Option("--promotes", help="Arm 1 goes live if it wins.")
    ] = False,
) -> "LiveTest":
    """Begin a live test of two versions: servers answer by it within a second.

    Example: pawsonalize live-tests create spring --second recommender-1
    """
    import msgspec

    from pawsonalize.plugins.live_tests.endpoints import LiveTestRequest
    from pawsonalize.plugins.live_tests.rounds import begin

    given = {
        "name": name,
        "second": second,
        "first": first,
        "firstExploration": first_exploration,
        "secondExploration": second_exploration,
        "campaign": campaign,
        "design": design,
        "share": share,
        "days": days,
        "metric": metric,
        "margin": margin,
        "promotes": promotes,
        "pool": pool,
    }
    try:
        form = msgspec.convert(given, LiveTestRequest)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"live test {name}: {error}") from error
    return begin(adapters, form.test(adapters, clock.now()))


@add_command(app, "ls", _print_tests)
def list_tests(adapters: "Adapters") -> "list[LiveTest]":
    """List live tests, the newest first.

    Example: pawsonalize live-tests ls
    """
    from pawsonalize.plugins.live_tests.stored import LiveTests

    return LiveTests(adapters.database).all()


@add_command(app, "show", _print_test)
def show(adapters: "Adapters", name: _Name) -> "LiveTest":
    """Show a live test, read as of now while it goes on.

    Example: pawsonalize live-tests show spring
    """
    from msgspec.structs import replace

    from pawsonalize.plugins.live_tests.rounds import read_now
    from pawsonalize.plugins.live_tests.stored import ENDED, LiveTests

    test = LiveTests(adapters.database).get(name)
    if test.state == ENDED:
        return test
    return replace(test, readings=(*test.readings, read_now(adapters, test, clock.now())))


def _act(adapters: "Adapters", name: str, action: str) -> "LiveTest":
    from pawsonalize.plugins.live_tests.rounds import act

    return act(adapters, name, action, clock.now())


@add_command(app, "pause", _print_test)
def pause(adapters: "Adapters", name: _Name) -> "LiveTest":
    """Let the campaign answer alone until the test is resumed.

    Example: pawsonalize live-tests pause spring
    """
    return _act(adapters, name, "pause")


@add_command(app, "resume", _print_test)
def resume(adapters: "Adapters", name: _Name) -> "LiveTest":
    """Go on with a paused test: each visitor has the arm of before.

    Example: pawsonalize live-tests resume spring
    """
    return _act(adapters, name, "resume")


@add_command(app, "stop", _print_test)
def stop(adapters: "Adapters", name: _Name) -> "LiveTest":
    """End a test for good; the campaign answers alone.

    Example: pawsonalize live-tests stop spring
    """
    return _act(adapters, name, "stop")


@add_command(app, "promote", _print_test)
def promote(adapters: "Adapters", name: _Name) -> "LiveTest":
    """Let arm 1 go live now, whatever is known, and end the test.

    Example: pawsonalize live-tests promote spring
    """
    return _act(adapters, name, "promote")


COMMANDS = (Command("live-tests", app, "Ask, and see what came of it"),)
