"""The order of populations, and which connections close a cycle."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping

from .graph import natural

__all__ = ["find_back_edges", "forward_order"]


def find_back_edges(roots: Iterable[str], targets: Mapping[str, list[str]]) -> set[tuple[str, str]]:
    """Edges that lead back to where a depth-first walk came from.

    Without them no cycle is left. The walk starts at `roots` (the inputs first), follows targets in
    their given order, and so goes the way the data goes.
    """
    back: set[tuple[str, str]] = set()
    open_nodes: set[str] = set()
    done: set[str] = set()
    for root in roots:
        stack: list[tuple[str, Iterator[str]]] = []
        _enter(root, targets, stack, open_nodes, done)
        while stack:
            name, rest = stack[-1]
            target = next(rest, None)
            if target is None:
                stack.pop()
                open_nodes.discard(name)
                done.add(name)
            elif target in open_nodes:
                back.add((name, target))
            else:
                _enter(target, targets, stack, open_nodes, done)
    return back


def _enter(
    name: str,
    targets: Mapping[str, list[str]],
    stack: list[tuple[str, Iterator[str]]],
    open_nodes: set[str],
    done: set[str],
) -> None:
    if name not in done:
        open_nodes.add(name)
        stack.append((name, iter(targets[name])))


def forward_order(targets: Mapping[str, list[str]]) -> tuple[list[str], list[str]]:
    """Sort so that every edge goes forward, by natural order of names where there is a choice.

    Returns
    -------
    order : list of str
    stuck : list of str
        Nodes in or behind a cycle; empty if there is none.
    """
    waiting = dict.fromkeys(targets, 0)
    for successors in targets.values():
        for target in successors:
            waiting[target] += 1
    ready = [(natural(name), name) for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = heapq.heappop(ready)[1]
        order.append(name)
        for target in targets[name]:
            waiting[target] -= 1
            if waiting[target] == 0:
                heapq.heappush(ready, (natural(target), target))
    return order, [name for name in targets if waiting[name] > 0]
