"""Ports for the servers of tests."""

import contextlib
import secrets
import socket


def free_port() -> int:
    """One that no outgoing connection takes meanwhile, as systems give those higher ones."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> list[int]:
    """So many, all different."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return [*found]
