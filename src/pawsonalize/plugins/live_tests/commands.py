"""`pawsonalize live-tests advise`: which design of a live test would fit this service."""

from pawsonalize.app.cli.opening import opened
from pawsonalize.app.cli.options import Command, DataDir, Json, command_group
from pawsonalize.app.cli.terminal import print_listing, print_result
from pawsonalize.core import clock

app = command_group("Live tests: which design would fit. No test runs in this version.")


@app.command("advise")
def advise(data_dir: DataDir = None, json: Json = False) -> None:
    """Say which design of a live test would fit this service, and how long it would take.

    Reads what is stored of the newest 28 days. Starts nothing: live tests do not run yet.

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


COMMANDS = (Command("live-tests", app, "Ask, and see what came of it"),)
