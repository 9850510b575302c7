"""The whole service on a free port of this machine, in a thread of the tests, and its clients."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import uvicorn
from botocore.config import Config

from pawsonalize.app.asgi import build_app
from pawsonalize.app.settings import Settings
from tests.aws_shapes import ACCOUNT, REGION
from tests.training import let_trainings_end

GROUP = f"arn:aws:personalize:{REGION}:{ACCOUNT}:dataset-group/pawsonalize"


@dataclass(frozen=True)
class Wire:
    """A running service, and boto3's clients of it."""

    url: str
    personalize: Any
    events: Any
    runtime: Any

    def client(self, service: str) -> Any:
        return {
            "personalize": self.personalize,
            "personalize-events": self.events,
            "personalize-runtime": self.runtime,
        }[service]


@contextmanager
def served(folder: Path, **more: Any) -> Iterator[Wire]:
    """A service on the data folder; it answers as soon as the block begins."""
    settings = Settings(
        data_dir=folder,
        log_level="error",
        retrain_here=False,
        exploration_weight=0.0,
        aws_region=REGION,
        aws_account_id=ACCOUNT,
        **more,
    )
    listener = socket.create_server(("127.0.0.1", 0))
    app = build_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/aws"
        yield Wire(url, *(client(name, url) for name in ("", "-events", "-runtime")))
    finally:
        let_trainings_end(app.state.aws.trainings, settings)
        server.should_exit = True
        thread.join()
        listener.close()


def client(kind: str, url: str) -> Any:
    """A client as an unmodified program makes it; only the address is ours."""
    return boto3.client(
        f"personalize{kind}",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="an id",
        aws_secret_access_key="a secret",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
