"""A NATS cluster of three nodes with JetStream, and a fresh replicated stream of it for a test."""

import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import pytest
from nats.js import JetStreamContext

from pawsonalize.app.sending import Outgoing
from pawsonalize.core.database.database import Database
from pawsonalize.core.errors import StreamUnavailable
from pawsonalize_streams.jetstream import JetStream
from pawsonalize_streams.nats_link import JetStreamProducer, NatsLink
from pawsonalize_streams.stream import Stream, StreamAddress
from pawsonalize_streams.stream_shards import ShardLeases, ShardTable
from tests.free_ports import free_ports
from tests.plugins.streams.brokers.broker import LEASE, PAUSE, Proxy, moment

_NODE = """
server_name: n{n}
listen: 127.0.0.1:{port}
http: 127.0.0.1:{health}
jetstream {{ store_dir: "{folder}", sync_interval: always }}
cluster {{ name: test, listen: 127.0.0.1:{route}, pool_size: -1, routes: [{routes}] }}
"""

_ADMIN_SECONDS = 60.0  # the 5 s of the client were too few once, on a busy machine

_T = TypeVar("_T")


class NatsCluster:
    """Three servers, each with a folder and a network of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports = free_ports(9)
        self.ports, self._health, routes = ports[:3], ports[3:6], ports[6:]
        for n in range(3):
            text = _NODE.format(
                n=n,
                port=self.ports[n],
                health=self._health[n],
                folder=folder / f"n{n}",
                route=routes[n],
                routes=", ".join(
                    f"nats://127.0.0.1:{port}" for port in routes if port != routes[n]
                ),
            )
            (folder / f"n{n}.conf").write_text(text)
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self.proxies = [Proxy("127.0.0.1", port) for port in self.ports]

    @property
    def hosts(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self.ports)

    @property
    def hosts_behind_proxies(self) -> str:
        return ",".join(f"127.0.0.1:{proxy.port}" for proxy in self.proxies)

    def start(self, *nodes: int) -> None:
        for n in nodes or range(3):
            with (self._folder / f"n{n}.log").open("ab") as log:
                command = ("nats-server", "-c", str(self._folder / f"n{n}.conf"))
                self._running[n] = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self, *nodes: int, sign: signal.Signals = signal.SIGKILL) -> None:
        for n in nodes or tuple(self._running):
            server = self._running.pop(n)
            server.send_signal(sign)
            server.wait()

    def freeze(self, *nodes: int) -> None:
        for n in nodes or range(3):
            os.kill(self._running[n].pid, signal.SIGSTOP)

    def thaw(self, *nodes: int) -> None:
        for n in nodes or range(3):
            os.kill(self._running[n].pid, signal.SIGCONT)

    def wait_until_healthy(self) -> None:
        """Wait for all nodes; those that do not come up are started again, as by a supervisor."""
        for _ in range(6):
            until = time.monotonic() + 20
            while time.monotonic() < until:
                if all(map(self._is_healthy, range(3))):
                    return
                time.sleep(0.05)
            self.stop()
            self.start()
        pytest.fail("the nodes of NATS do not come up")

    def is_formed(self) -> bool:
        """Whether all nodes take part: at times one that starts is not known to the others."""
        if not self._running:
            return False
        address = StreamAddress.parse(f"nats://{self.hosts}/FORMED?replicas=3&partitions=1")
        producer = JetStreamProducer(address, create=True)
        try:
            producer.put([])
        except StreamUnavailable:
            return False
        finally:
            producer.close()
        return True

    def _is_healthy(self, n: int) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._health[n]}/healthz", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.close()
        self.stop()


@contextmanager
def nats_cluster(folder: Path) -> Iterator[NatsCluster]:
    """A cluster that runs until the block ends."""
    if shutil.which("nats-server") is None:
        pytest.skip("no nats-server here (Debian's package of that name has it)")
    cluster = NatsCluster(folder)
    try:
        while not cluster.is_formed():
            cluster.stop()
            cluster.start()
            cluster.wait_until_healthy()
        yield cluster
    finally:
        cluster.close()


class NatsBroker:
    """A stream of four subjects on three nodes."""

    reshard: Callable[[], None] | None = None

    def __init__(self, cluster: NatsCluster) -> None:
        self._cluster = cluster
        self.name = f"EVENTS_{token_hex(4)}"
        self.restart: Callable[[], None] | None = self._restart
        self.url = f"nats://{cluster.hosts_behind_proxies}/{self.name}"
        direct = f"nats://{cluster.hosts}/{self.name}?partitions=4&replicas=3"
        self._producer = JetStreamProducer(StreamAddress.parse(direct), create=True)
        self._admin = NatsLink(StreamAddress.parse(direct))
        self._consumers: list[Stream] = []
        self.put([])

    def put(self, records: Sequence[Outgoing]) -> None:
        self._producer.put(records)

    def consumer(self, name: str, database: Database, options: str = "") -> Stream:
        table = ShardTable(database, self.name)
        leases = ShardLeases(table, name, moment, lease=LEASE, pause=PAUSE)
        stream = JetStream(StreamAddress.parse(self.url + options), leases, moment)
        self._consumers.append(stream)
        return stream

    def _restart(self) -> None:
        self._cluster.stop(sign=signal.SIGTERM)
        self._cluster.start()
        self._cluster.wait_until_healthy()

    def cut(self) -> None:
        for proxy in self._cluster.proxies:
            proxy.cut()

    def mend(self) -> None:
        for proxy in self._cluster.proxies:
            proxy.mend()

    def close(self) -> None:
        self.mend()
        for consumer in self._consumers:
            consumer.close()
        self._producer.close()
        # A cluster that lost its leader on a busy machine takes the stream with it when it ends.
        with suppress(StreamUnavailable):
            self.admin(lambda context: context.delete_stream(self.name))
        self._admin.close()

    def admin(self, call: Callable[[JetStreamContext], Coroutine[Any, Any, _T]]) -> _T:
        """What an operator does to the stream."""

        async def work() -> _T:
            client = await self._admin.client()
            return await call(client.jetstream(timeout=_ADMIN_SECONDS))

        return self._admin.run(work(), _ADMIN_SECONDS + 10)
