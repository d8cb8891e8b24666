"""A simulated board on a pseudo-terminal: what a serial port of this machine is, with nothing plugged in."""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager

import pytest

__all__ = ["terminal"]


@contextmanager
def terminal(board):
    """Path of a pseudo-terminal with `board` (a port) behind it."""
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    ours, theirs = pty.openpty()
    done = threading.Event()

    def carry():
        while not done.is_set():
            if select.select([ours], [], [], 0.001)[0]:
                board.write(os.read(ours, 4096))
            if data := board.read(0.0001):
                os.write(ours, data)

    thread = threading.Thread(target=carry)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        done.set()
        thread.join()
        os.close(ours)
        os.close(theirs)
