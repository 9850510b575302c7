"""Notifications as operators meet them: a server that delivers, and the commands."""

import json
import socket
from dataclasses import replace
from pathlib import Path

from pawsonalize.app.adapters import opened
from pawsonalize.app.settings import Settings, as_environment, load_settings
from pawsonalize.core import clock
from pawsonalize.core.work.problems import Outbox
from pawsonalize.plugins.notifications.delivery import open_notifiers
from tests.e2e.conftest import Start, run
from tests.plugins.notifications.receivers import NEWS, SECRET, WebServer, mail_server, web_server
from tests.waiting import wait_until

NOBODY = "http://127.0.0.1:1/hidden"


def enqueue(folder: Path, *notifiers: str, news_id: str = NEWS.notification_id) -> None:
    with opened(Settings(data_dir=folder)) as adapters:
        # Of now, because old news is given up at the first failure.
        news = replace(NEWS, notification_id=news_id, happened_at=clock.now())
        Outbox(adapters.deliveries, notifiers).enqueue(news)


def ids(server: WebServer) -> list[str]:
    return [json.loads(post.body)["id"] for post in server.posts]


def test_servers_deliver_what_another_process_enqueued_once(start: Start, tmp_path: Path) -> None:
    with web_server() as receiver:
        settings = {"notify_webhook_url": receiver.url, "notify_webhook_secret": SECRET}
        server = start(tmp_path / "data", "--workers", "2", **settings)
        for number in range(5):
            enqueue(tmp_path / "data", "webhook", "log", news_id=f"news-{number}")
        wait_until(lambda: len(receiver.posts) >= 5, 30)
        wait_until(lambda: server.output.read_text().count("The live version stays") >= 5, 30)
        assert server.stop() == 0
    assert sorted(ids(receiver)) == [f"news-{number}" for number in range(5)]
    assert SECRET not in server.output.read_text()
    assert "hidden" not in server.output.read_text(), "the token in the webhook's URL"


def test_a_mail_server_that_hangs_holds_up_neither_another_notifier_nor_an_answer(
    start: Start, tmp_path: Path
) -> None:
    with web_server() as receiver, socket.create_server(("127.0.0.1", 0)) as silent:
        enqueue(tmp_path / "data", "email", "webhook")
        server = start(
            tmp_path / "data",
            notify_smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}",
            notify_email_to="a@x.example",
            notify_email_from="paw@x.example",
            notify_webhook_url=receiver.url,
            notify_webhook_secret=SECRET,
        )
        connection, _ = silent.accept()
        with connection:
            wait_until(lambda: len(receiver.posts) == 1, 8)
            with server.client() as client:
                assert client.get("/healthz").status_code == 200
            assert server.stop() == 0
    listed = run("notifications", "ls", "--data-dir", str(tmp_path / "data")).stdout
    assert "webhook: delivered at" in listed
    assert "email: failed 1 times (the mail server 127.0.0.1" in listed
    assert "again at" in listed


def test_a_server_does_not_start_with_settings_that_reach_nobody(tmp_path: Path) -> None:
    done = run("serve", "--data-dir", str(tmp_path), "--port", "0", notify_webhook_url=NOBODY)
    assert done.returncode == 2
    assert "notify_webhook_secret" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_test_command_tells_of_each_notifier_whether_it_works(tmp_path: Path) -> None:
    with mail_server() as server:
        settings = {
            "notify_smtp_url": f"smtp://127.0.0.1:{server.port}",
            "notify_email_to": "a@x.example, b@x.example",
            "notify_email_from": "paw@x.example",
            "notify_webhook_url": NOBODY,
            "notify_webhook_secret": SECRET,
        }
        done = run("notifications", "test", **settings)
        as_json = run("notifications", "test", "--json", **settings)
    assert (done.returncode, as_json.returncode) == (1, 1)
    log, email, webhook = done.stdout.splitlines()
    assert (log, email) == ("log: taken", "email: taken")
    assert webhook.startswith("webhook: 127.0.0.1:1 did not answer (")
    assert json.loads(as_json.stdout)["email"] is None
    assert "A test of the notifications" in server.mails[0]["Subject"]
    assert server.recipients == ["a@x.example", "b@x.example"] * 2
    assert not any(secret in done.stdout + done.stderr for secret in (SECRET, "hidden"))


def test_retry_delivers_what_was_not_and_says_what_is_left(tmp_path: Path) -> None:
    folder = str(tmp_path)
    enqueue(tmp_path, "webhook", "log")
    settings = {"notify_webhook_url": NOBODY, "notify_webhook_secret": SECRET}
    failed = run("notifications", "retry", "--data-dir", folder, **settings)
    assert (failed.returncode, failed.stdout) == (1, "1 of 2 delivered\n")
    with web_server() as receiver:
        settings["notify_webhook_url"] = receiver.url
        done = run("notifications", "retry", "--data-dir", folder, **settings)
    assert (done.returncode, done.stdout) == (0, "1 of 1 delivered\n")
    assert ids(receiver) == [NEWS.notification_id]
    listed = json.loads(run("notifications", "ls", "--data-dir", folder, "--json").stdout)
    assert [delivery["attempts"] for delivery in listed] == [1, 2]
    assert listed[0]["notification"]["details"] == NEWS.details


def test_secrets_do_not_show_when_settings_are_printed_and_reach_other_processes() -> None:
    settings = load_settings({"notify_smtp_url": "smtps://ann:hidden@mail.example"})
    assert "hidden" not in repr(settings)
    assert "hidden" in as_environment(settings)["PAWSONALIZE_NOTIFY_SMTP_URL"]


def test_the_log_is_always_told() -> None:
    assert list(open_notifiers(Settings())) == ["log"]
