"""Calls in threads of their own."""

import threading
from functools import partial

import pytest

from pawsonalize_streams.kinesis import SideCalls


def test_what_comes_of_a_call_is_dealt_with_in_the_owners_thread() -> None:
    calls, seen = SideCalls(2), []
    calls.start(threading.get_ident, lambda result: seen.append((result, threading.get_ident())))
    calls.settle(10)
    calls.close()
    assert seen[0][1] == threading.get_ident() != seen[0][0]


def test_what_a_call_raises_is_its_result() -> None:
    calls = SideCalls(2)
    seen: list[object] = []
    error = ValueError("no")

    def fail() -> None:
        raise error

    calls.start(fail, seen.append)
    calls.settle(10)
    calls.close()
    assert seen == [error]


def test_a_call_that_hangs_keeps_neither_others_nor_the_end() -> None:
    calls, hanging = SideCalls(2), threading.Event()
    seen: list[object] = []
    calls.start(hanging.wait, seen.append)
    for number in range(3):
        calls.start(partial(int, number), seen.append)
    while len(seen) < 3:
        calls.settle(10)
    calls.close()
    assert seen == [0, 1, 2]
    assert calls.free == 1
    hanging.set()


def test_where_nothing_comes_settling_ends() -> None:
    SideCalls(1).settle(0.01)


def test_what_dealing_with_a_result_raises_comes_to_the_owner_and_loses_no_other() -> None:
    calls = SideCalls(1)
    seen: list[object] = []

    def refuse(_: object) -> None:
        raise ValueError("no")

    calls.start(lambda: 1, refuse)
    calls.start(lambda: 2, seen.append)
    with pytest.raises(ValueError, match="no"):
        calls.settle(10)
    while not seen:
        calls.settle(10)
    calls.close()
    assert seen == [2]
