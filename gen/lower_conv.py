"""Geometry, kernel and bias of the convolution and pooling nodes of a graph.

Shapes were derived before (`gen.shapes`). 'same' pads as PyTorch does: of an odd total the smaller half comes
first. An average pool divides by its whole window, padding included.
"""

from __future__ import annotations

import numpy as np

from ..hw.conv_params import AxisParams, ConvParams
from .conv_algebra import depthwise
from .graph import Graph, Node
from .shapes import Shape

__all__ = ["CONVOLUTIONS", "POOLS", "conv_of"]

CONVOLUTIONS = ("Conv1d", "Conv2d")
POOLS = ("SumPool2d", "AvgPool2d")


def conv_of(graph: Graph, node: Node, taken: Shape, given: Shape) -> tuple[ConvParams, np.ndarray]:
    """Return geometry and kernel (float64) of a node that takes and gives these shapes.

    Raises
    ------
    UserError
        A geometry beyond what `ConvParams` accepts.
    """
    rows, columns = _as_map(taken), _as_map(given)
    try:
        return (_pool if node.type in POOLS else _conv)(node, rows, columns)
    except ValueError as error:
        raise graph.error(node.name, str(error)) from None


def _as_map(shape: Shape) -> Shape:
    return (shape[0], 1, shape[1]) if len(shape) == 2 else shape


def _conv(node: Node, taken: Shape, given: Shape) -> tuple[ConvParams, np.ndarray]:
    kernel = node.array("weight").astype(np.float64)
    if node.type == "Conv1d":
        kernel = kernel[:, :, np.newaxis]
    stride, dilation = _both(node, "stride", 1), _both(node, "dilation", 1)
    axes = [
        AxisParams(
            size=taken[1 + k],
            outputs=given[1 + k],
            kernel=kernel.shape[2 + k],
            stride=stride[k],
            dilation=dilation[k],
            padding=_padding(node, k, dilation[k] * (kernel.shape[2 + k] - 1)),
        )
        for k in (0, 1)
    ]
    groups = int(node.array("groups").reshape(-1)[0])
    conv = ConvParams(channels=taken[0], filters=given[0], rows=axes[0], columns=axes[1], groups=groups)
    return conv, kernel


def _padding(node: Node, axis: int, reach: int) -> int:
    padding = node.params["padding"]
    if isinstance(padding, str):
        return reach // 2 if padding == "same" else 0
    return _both(node, "padding", 0)[axis]


def _both(node: Node, name: str, flat: int) -> Shape:
    """Values for rows and columns; the rows of a Conv1d get `flat`."""
    values = tuple(int(n) for n in node.array(name).reshape(-1))
    return (flat, values[0]) if node.type == "Conv1d" else values * (2 // len(values))


def _pool(node: Node, taken: Shape, given: Shape) -> tuple[ConvParams, np.ndarray]:
    window, stride, padding = (_both(node, name, 1) for name in ("kernel_size", "stride", "padding"))
    share = 1.0 if node.type == "SumPool2d" else 1 / (window[0] * window[1])
    if window == stride and padding == (0, 0):
        axes = [AxisParams(size=taken[1 + k], outputs=given[1 + k], kernel=1, pool=window[k]) for k in (0, 1)]
    else:
        axes = [
            AxisParams(
                size=taken[1 + k],
                outputs=given[1 + k],
                kernel=window[k],
                stride=stride[k],
                padding=padding[k],
            )
            for k in (0, 1)
        ]
    conv = depthwise(taken[0], *axes)
    return conv, np.full(conv.kernel_shape, share)
