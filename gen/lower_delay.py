"""Delay nodes: seconds become whole steps."""

from __future__ import annotations

import numpy as np

from .graph import Graph, Node, quoted
from .shapes import Shape, per_neuron

__all__ = ["MAX_DELAY_STEPS", "delay_steps"]

MAX_DELAY_STEPS = 255
_EXACT = 1e-3  # steps; delays are often float32


def delay_steps(graph: Graph, node: Node, shape: Shape, dt: float, lines: list[str]) -> np.ndarray:
    """Return the delays of a node in steps, (size,), int64; a line says so if that rounds.

    Raises
    ------
    UserError
        A delay of more than `MAX_DELAY_STEPS`.
    """
    seconds = per_neuron(node.array("delay"), shape)
    exact = seconds / dt
    if exact.max() >= MAX_DELAY_STEPS + 0.5:
        raise graph.error(
            node.name,
            f"a delay of {seconds.max():g} s is {exact.max():.4g} steps of {dt:g} s;"
            f" accepted: up to {MAX_DELAY_STEPS} steps",
        )
    steps = np.floor(exact + 0.5)
    error = np.abs(exact - steps)
    if error.max() > _EXACT:
        worst = int(error.argmax())
        lines.append(
            f"node {quoted(node.name)}: delays are rounded to whole steps,"
            f" {seconds[worst]:g} s = {exact[worst]:.4g} to {steps[worst]:.0f}"
        )
    return steps.astype(np.int64)
