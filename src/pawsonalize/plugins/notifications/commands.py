"""`pawsonalize notifications`: the newest deliveries, tests, and another attempt."""

from typing import TYPE_CHECKING, Annotated

import typer

from pawsonalize.app.cli.opening import add_command
from pawsonalize.app.cli.options import Command, Json, command_group
from pawsonalize.app.cli.terminal import print_result
from pawsonalize.app.settings import load_settings
from pawsonalize.core import clock
from pawsonalize.core.notifications import NotificationTopic
from pawsonalize.core.times import iso
from pawsonalize.resources.commands import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pawsonalize.app.adapters import Adapters
    from pawsonalize.core.work.problems import Delivery
    from pawsonalize.plugins.notifications.destinations import NotificationDestination

app = command_group("What people are told, and how it reached them.")


def _print_deliveries(deliveries: "Sequence[Delivery]") -> None:
    for delivery in deliveries:
        news = delivery.notification
        print(f"{iso(news.happened_at)}  {news.kind:<16}  {news.subject}")
        print(f"    {delivery.notifier}: {_state(delivery)}")


@add_command(app, "ls", _print_deliveries)
def ls(
    adapters: "Adapters",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
) -> "Sequence[Delivery]":
    """List notifications, the newest first, with each notifier's delivery.

    Example: pawsonalize notifications ls --limit 10
    """
    return adapters.deliveries.newest(limit)


@add_command(app, "destinations", rows_of(["name", "note", "address", "topics", "is_on"]))
def list_destinations(adapters: "Adapters") -> "list[NotificationDestination]":
    """List the destinations that were added beside the settings; never their secrets.

    Example: pawsonalize notifications destinations
    """
    from pawsonalize.plugins.notifications.destinations import Destinations

    return [one.listed for one in Destinations.of(adapters).all()]


@add_command(app, "create", lambda new: new.name + f"\nsecret: {new.secret}" * bool(new.secret))
def create(
    adapters: "Adapters",
    to: Annotated[str, typer.Option(help="A webhook's URL, or addresses of e-mail with commas.")],
    topics: Annotated[
        list[NotificationTopic] | None,
        typer.Option("--topic", help="What it gets; may be repeated.", show_default="all"),
    ] = None,
    note: Annotated[str, typer.Option(help="Whose it is.")] = "",
) -> "NotificationDestination":
    """Create a destination, used at once; a webhook's secret is shown this once.

    Example: pawsonalize notifications create --to https://hooks.example/cats --topic letter
    """
    from pawsonalize.plugins.notifications.destinations import Destinations, NotificationDestination

    chosen = tuple(topics or NotificationTopic)
    draft = NotificationDestination(name="", address=to, topics=chosen, note=note)
    return Destinations.of(adapters).create(draft, clock.now())


@add_command(app, "delete")
def delete(
    adapters: "Adapters", destination: Annotated[str, typer.Argument(help="Its name.")]
) -> dict[str, str]:
    """Delete a destination and what waits for it.

    Example: pawsonalize notifications delete destination-0123456789
    """
    from pawsonalize.plugins.notifications.destinations import Destinations

    Destinations.of(adapters).delete(destination)
    return {"deleted": destination}


@app.command("test")
def send_test(json: Json = False) -> None:
    """Send a test by every notifier of the settings now; exit code 1 if one does not take it.

    Example: pawsonalize notifications test
    """
    from pawsonalize.core.logs import configure_logs
    from pawsonalize.plugins.notifications.delivery import open_notifiers
    from pawsonalize.plugins.notifications.delivery import send_test as test

    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    failures = test(open_notifiers(settings), clock.now())
    print_result(failures, json, _print_failures)
    if any(failures.values()):
        raise typer.Exit(1)


def _print_failures(failures: dict[str, str | None]) -> None:
    for name, failure in failures.items():
        print(f"{name}: {failure or 'taken'}")


_RETRIED = "{delivered:,} of {tried:,} delivered"


@add_command(app, "retry", _RETRIED.format_map, failed=lambda found: found["left"])
def retry(
    adapters: "Adapters",
    notification_id: Annotated[
        str | None, typer.Option("--id", help="Only this notification.", show_default="all")
    ] = None,
) -> dict[str, int]:
    """Try again now what was not delivered, the given up too; exit code 1 if something is left.

    Example: pawsonalize notifications retry
    """
    from pawsonalize.core.logs import configure_logs
    from pawsonalize.plugins.notifications.delivery import deliveries

    settings = adapters.settings
    configure_logs(settings.log_format, settings.log_level)
    before = adapters.deliveries.count_undelivered(notification_id)
    adapters.deliveries.retry(clock.now(), notification_id)
    for _, deliver in deliveries(adapters):
        while deliver(clock.now()):
            pass
    left = adapters.deliveries.count_undelivered(notification_id)
    return {"tried": before, "delivered": before - left, "left": left}


def _state(delivery: "Delivery") -> str:
    if delivery.delivered_at is not None:
        return f"delivered at {iso(delivery.delivered_at)}"
    if delivery.last_error is None:
        return "being sent" if delivery.attempts else "waiting"
    failed = f"failed {delivery.attempts} times ({delivery.last_error})"
    if delivery.next_attempt_at is None:
        return f"given up, {failed}"
    return f"{failed}, again at {iso(delivery.next_attempt_at)}"


COMMANDS = (Command("notifications", app, "Look after the service"),)
