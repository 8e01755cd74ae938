"""Ctrl-C, pressed again and again."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from qsched.cli.interrupt import one_interrupt


def _press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)  # Python handles signals between two instructions.


def test_the_second_one_does_not_tear_what_the_first_one_started() -> None:
    cleaned = []
    with one_interrupt():
        with pytest.raises(KeyboardInterrupt):
            try:
                _press()
            finally:
                _press()
                cleaned.append(True)
        _press()
    assert cleaned


def test_a_later_one_is_another_wish() -> None:
    with one_interrupt(seconds=0.0):
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                _press()


def test_what_held_before_holds_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with one_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_other_threads_are_let_alone() -> None:
    done = []

    def work() -> None:
        with one_interrupt():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGINT)]
