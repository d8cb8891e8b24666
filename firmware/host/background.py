"""An iterator that works ahead in a thread of its own: a slow consumer does not stop what it consumes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

__all__ = ["ahead_of"]

T = TypeVar("T")
_LOOK_S = 0.05


def ahead_of(source: Iterator[T], ahead: int) -> Generator[T, None, None]:
    """Yield what `source` yields, which runs in a thread, up to `ahead` items in front.

    What it raises is raised here, in its place. When this iterator is closed, the thread ends after the
    item that it is at.
    """
    items: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=ahead)
    stopped = threading.Event()
    worker = threading.Thread(target=_work, args=(source, items, stopped), daemon=True)
    worker.start()
    try:
        while True:
            more, item = items.get()
            if more:
                yield item
            elif item is None:
                return
            else:
                raise item
    finally:
        stopped.set()
        worker.join()


def _work(source: Iterator[Any], items: queue.Queue[tuple[bool, Any]], stopped: threading.Event) -> None:
    try:
        for item in source:
            _put(items, (True, item), stopped)
            if stopped.is_set():
                return
        _put(items, (False, None), stopped)
    except BaseException as error:
        _put(items, (False, error), stopped)


def _put(items: queue.Queue[tuple[bool, Any]], item: tuple[bool, Any], stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            return items.put(item, timeout=_LOOK_S)
        except queue.Full:
            continue
