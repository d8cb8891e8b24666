"""Work in pieces, shared among threads. Compiled kernels and NumPy let go of Python's lock while they run."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["most_threads", "share"]

T = TypeVar("T")


def most_threads() -> int:
    """As many as this process may use cores; one in a process that is one of several.

    Whoever starts processes by `multiprocessing`, as `explore` does, has shared out the cores already.
    """
    if multiprocessing.parent_process() is not None:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(work: Callable[[T], None], pieces: Iterable[T], threads: int) -> None:
    """Do some work on each piece, in this thread and `threads - 1` others.

    What is raised in any of them ends all of them, each after the piece it is at, and is raised here.
    """
    left = deque(pieces)

    def take() -> None:
        try:
            for piece in _taken(left):
                work(piece)
        finally:
            left.clear()  # nothing is left, unless something was raised

    if threads <= 1 or len(left) <= 1:
        take()
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(take) for _ in range(threads - 1)]
        take()
    for other in others:
        other.result()


def _taken(left: deque[T]) -> Iterator[T]:
    """Pieces one by one, until none is left: others take from the same ones."""
    while True:
        try:
            piece = left.popleft()
        except IndexError:
            return
        yield piece
