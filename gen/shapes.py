"""Shapes of all signals of a graph, derived from the Input nodes along the edges.

The `nir` package's own inference is wrong for non-square kernels and grouped convolutions and wants
equal shapes where parameters are scalar, so what a file says of shapes is only checked, never trusted.
Two shapes fit if they are equal without their dimensions of 1. Channels come first, without a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from .graph import PORT, Graph, Node, quoted
from .node_types import NEURONS

__all__ = ["Shape", "derive_shapes", "derive_signals", "fits", "per_neuron"]

Shape = tuple[int, ...]
MAX_SIGNAL = 1 << 24  # the largest population (hw.params)
MAX_SIGNALS = 1 << 26


def derive_shapes(graph: Graph) -> dict[str, Shape]:
    """Shape of each node's output; errors as of `derive_signals`."""
    return derive_signals(graph)[1]


def derive_signals(graph: Graph) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Shape of what each node takes, and of what it gives.

    Parameters
    ----------
    graph : Graph
        Without nested graphs.

    Raises
    ------
    UserError
        No Input or Output, a node that no Input leads to, or a shape that does not fit.
    """
    _check_ends(graph)
    taken: dict[str, Shape] = {}
    shapes: dict[str, Shape] = {}
    targets = graph.targets()
    queue: deque[tuple[str, Shape]] = deque((node.name, ()) for node in graph.of_type("Input"))
    while queue:
        name, shape = queue.popleft()
        if name not in shapes:
            taken[name] = shape
            shapes[name] = _checked_size(
                graph, name, _RULES[graph.nodes[name].type](graph, graph.nodes[name], shape)
            )
            queue.extend((target, shapes[name]) for target in targets[name])
    _check_edges(graph, taken, shapes)
    _check_total(graph, shapes)
    return taken, shapes


def fits(first: Shape, second: Shape) -> bool:
    """Whether two shapes are equal without their dimensions of 1."""
    return _core(first) == _core(second)


def per_neuron(value: np.ndarray, shape: Shape) -> np.ndarray:
    """One float64 value for each neuron (C order) of a parameter that `derive_shapes` accepted."""
    if value.size == 1:
        return np.full(int(np.prod(shape, dtype=np.int64)), float(value.flat[0]))
    if fits(value.shape, shape):
        return value.astype(np.float64).reshape(-1)
    return np.broadcast_to(value, shape).astype(np.float64).reshape(-1)


def _core(shape: Shape) -> Shape:
    return tuple(n for n in shape if n != 1)


def _check_ends(graph: Graph) -> None:
    for kind in ("Input", "Output"):
        if not graph.of_type(kind):
            raise graph.problem(f"no {kind} node; a network needs at least one Input and one Output")
    for name, sources in graph.sources().items():
        is_input = graph.nodes[name].type == "Input"
        if is_input and sources:
            raise graph.error(name, f"an edge from {quoted(sources[0])} ends here; an Input only sends")
        if not is_input and not sources:
            raise graph.error(name, "no edge ends here; every node but an Input needs one")


def _checked_size(graph: Graph, name: str, shape: Shape) -> Shape:
    if any(n < 1 for n in shape) or np.prod(shape, dtype=np.float64) > MAX_SIGNAL:
        raise graph.error(name, f"its output has shape {shape}; accepted: 1 to {MAX_SIGNAL} values")
    return shape


def _check_total(graph: Graph, shapes: dict[str, Shape]) -> None:
    total = sum(int(np.prod(shape, dtype=np.int64)) for shape in shapes.values())
    if total > MAX_SIGNALS:
        raise graph.problem(f"its nodes give {total} values a step together; accepted: up to {MAX_SIGNALS}")


def _check_edges(graph: Graph, taken: dict[str, Shape], shapes: dict[str, Shape]) -> None:
    for name in graph.nodes:
        if name not in shapes:
            raise graph.error(name, "no path from an Input leads here; connect or remove it")
    for source, target in graph.edges:
        if not fits(shapes[source], taken[target]):
            raise graph.error(
                target, f"takes shape {taken[target]}, but {quoted(source)} gives {shapes[source]}"
            )


def _ints(node: Node, name: str) -> Shape:
    return tuple(int(n) for n in node.array(name).reshape(-1))


def _input(graph: Graph, node: Node, _: Shape) -> Shape:
    declared = _ints(node, "shape")
    if declared:
        return declared
    for target in graph.targets()[node.name]:  # scalar parameters made some exporters lose the shape
        if graph.nodes[target].type in ("Affine", "Linear"):
            return (graph.nodes[target].array("weight").shape[-1],)
    raise graph.error(node.name, "its shape is empty; expected the shape of one step's input")


def _port(graph: Graph, node: Node, shape: Shape) -> Shape:
    declared = _ints(node, "shape")
    if declared and not fits(declared, shape):
        raise graph.error(node.name, f"is declared with shape {declared}, gets {shape}")
    return shape


def _matrix(graph: Graph, node: Node, shape: Shape) -> Shape:
    weight = node.array("weight")
    if weight.ndim != 2 or not weight.size:
        raise graph.error(node.name, f"weight has shape {weight.shape}; accepted: (outputs, inputs)")
    outputs, inputs = weight.shape
    if not fits(shape, (inputs,)):
        hint = "; put a Flatten before it" if np.prod(shape) == inputs else ""
        raise graph.error(node.name, f"its weight takes {inputs} values, gets shape {shape}{hint}")
    if "bias" in node.params:
        _check_bias(graph, node, outputs)
    return (outputs,)


def _check_bias(graph: Graph, node: Node, outputs: int) -> None:
    shape = node.array("bias").shape
    if not fits(shape, (outputs,)):
        raise graph.error(node.name, f"bias has shape {shape}; expected ({outputs},)")


def _elementwise(graph: Graph, node: Node, shape: Shape) -> Shape:
    for name, value in node.params.items():
        if not isinstance(value, np.ndarray) or not _broadcasts(value.shape, shape):
            found = value.shape if isinstance(value, np.ndarray) else "of a text"
            raise graph.error(node.name, f"{name} has shape {found}; accepted: a scalar or {shape}")
    return shape


def _broadcasts(given: Shape, shape: Shape) -> bool:
    if np.prod(given, dtype=np.int64) == 1 or fits(given, shape):
        return True
    try:
        return np.broadcast_shapes(given, shape) == shape
    except ValueError:
        return False


def _flatten(graph: Graph, node: Node, shape: Shape) -> Shape:
    first, last = (int(node.array(name).reshape(-1)[0]) for name in ("start_dim", "end_dim"))
    rank = len(shape)
    first, last = first + rank * (first < 0), last + rank * (last < 0)
    if not 0 <= first <= last < rank:
        given = f"start_dim={node.array('start_dim')}, end_dim={node.array('end_dim')}"
        raise graph.error(node.name, f"{given} on shape {shape}; accepted: dimensions 0 to {rank - 1}")
    return (*shape[:first], int(np.prod(shape[first : last + 1])), *shape[last + 1 :])


def _conv(graph: Graph, node: Node, shape: Shape) -> Shape:
    weight, groups = node.array("weight"), int(node.array("groups").reshape(-1)[0])
    rank = 1 if node.type == "Conv1d" else 2
    if weight.ndim != rank + 2:
        raise graph.error(node.name, f"weight has shape {weight.shape}; accepted: {rank + 2} dimensions")
    if len(shape) != rank + 1 or shape[0] != weight.shape[1] * groups or weight.shape[0] % groups:
        expected = f"{weight.shape[1] * groups} channels and {rank} dimensions in {groups} groups"
        raise graph.error(node.name, f"takes {expected}, gets shape {shape}")
    if not fits(node.array("bias").shape, (weight.shape[0],)):
        raise graph.error(
            node.name, f"bias has shape {node.array('bias').shape}; expected ({weight.shape[0]},)"
        )
    return (
        weight.shape[0],
        *_windows(graph, node, shape[1:], weight.shape[2:], _pair(graph, node, "dilation", rank)),
    )


def _pool(graph: Graph, node: Node, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise graph.error(node.name, f"takes (channels, rows, columns), gets shape {shape}")
    return (shape[0], *_windows(graph, node, shape[1:], _pair(graph, node, "kernel_size", 2), (1, 1)))


def _windows(graph: Graph, node: Node, sizes: Shape, kernel: Shape, dilation: Shape) -> Shape:
    """Positions of a kernel along each dimension: floor((n + 2p - d(k - 1) - 1) / stride) + 1."""
    stride = _pair(graph, node, "stride", len(sizes))
    padding = node.params["padding"]
    if isinstance(padding, str) and padding == "same":
        if any(s != 1 for s in stride):
            raise graph.error(node.name, f"padding 'same' with stride {stride}; accepted: stride 1")
        return sizes
    pads = (0,) * len(sizes) if isinstance(padding, str) else _pair(graph, node, "padding", len(sizes))
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(sizes, pads, dilation, kernel, stride, strict=True)
    )


def _pair(graph: Graph, node: Node, name: str, rank: int) -> Shape:
    values = _ints(node, name)
    if len(values) not in (1, rank):
        raise graph.error(node.name, f"{name} has {len(values)} values; accepted: 1 or {rank}")
    return values * (rank // len(values))


_RULES: dict[str, Callable[[Graph, Node, Shape], Shape]] = {
    "Input": _input,
    "Output": _port,
    PORT: _port,
    "Affine": _matrix,
    "Linear": _matrix,
    "Flatten": _flatten,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
    **dict.fromkeys(("Scale", "Threshold", "Delay", *NEURONS), _elementwise),
}
