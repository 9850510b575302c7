"""`pawsonalize search`: which animals a visitor's words find, and how they were read."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pawsonalize.app.cli.opening import opened
from pawsonalize.app.cli.options import At, Command, DataDir, Json, Session, User, visitor_of
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.errors import InvalidInput
from pawsonalize.core.times import parse_moment
from pawsonalize.recommend.commands import print_animals

if TYPE_CHECKING:
    from pawsonalize.plugins.search.finding import SearchResult


def search(
    *,
    query: Annotated[str, typer.Argument(help="What is looked for, in any words.")],
    user: User = None,
    session: Session = None,
    limit: Annotated[int, typer.Option(help="At most so many, 1 to 500.")] = 10,
    without: Annotated[
        list[str] | None, typer.Option(help="The id of a rule to switch off; may be repeated.")
    ] = None,
    at: At = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show the animals that words find, in a visitor's order, and how the words were read.

    Nothing is counted as shown, and no place is explored. Needs no running server. `--json` prints
    what `POST /v1/searches/detailed` answers.

    Example: pawsonalize search "calm dog for kids, not too big"
    """
    from pawsonalize.app.preview import Preview
    from pawsonalize.plugins.search.endpoints import answer_search, search_answer
    from pawsonalize.plugins.search.finding import Searching
    from pawsonalize.recommend.campaigns import Address, Purpose
    from pawsonalize.recommend.query import Query

    if not query.strip():
        raise InvalidInput("say what is looked for, in words", field="QUERY")
    settings, now = load_settings({"data_dir": data_dir}), clock.now()
    moment = now if at is None else parse_moment(at, "--at")
    with opened(settings) as adapters:
        preview = Preview(adapters, Address(None, None), Purpose.RECOMMENDING, now)
        animal_recommender = preview.animal_recommender
        searching = animal_recommender.searches
        assert isinstance(searching, Searching)
        searching.prepare(animal_recommender.available, moment, now)
        visitor = visitor_of(user, session)
        question = animal_recommender.with_profile(
            Query(visitor, moment, now, limit=limit, explain=True)
        )
        found = searching.find(animal_recommender.available, question, query, without or ())
        made = answer_search(animal_recommender, found, question)
        shown = [(one, preview.names(one)) for one in (made.answer, made.nearest) if one]
    if json:
        print(msgspec.json.encode(search_answer(made, (), is_full=True)).decode())
        return
    _print_reading(found)
    for is_nearest, (answer, names) in enumerate(shown):
        if is_nearest:
            print("these nearly fit:")
        print_animals(answer, names, explain=True)


def _print_reading(found: "SearchResult") -> None:
    """Print how the words were read."""
    for title, readings in (("rules", found.rules), ("evidence", found.understood)):
        if readings:
            print(f"{title}: {', '.join(f'{one.label} ({one.id})' for one in readings)}")
    if found.rest:
        print(f"words: {found.rest}")
    if found.suggestion:
        print(f"searched for: {found.suggestion}")


COMMANDS = (Command("search", search, "Ask, and see what came of it", after="rerank"),)
