"""The NIR node types: which parameters each has, and what their values may be (nir 1.0.8).

What a node *means* is in `gen.lower_neuron` and `gen.lower_linear`; this table is what makes a file
acceptable at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .graph import Graph, Node, quoted

__all__ = ["ANALOG", "NEURONS", "NODE_TYPES", "SPIKING", "NodeType", "check_node"]


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """Parameters of a node type.

    Attributes
    ----------
    required, optional : tuple of str
    positive : tuple of str
        Parameters that must be above 0.
    natural : tuple of str
        Parameters that must not be negative.
    integer : tuple of str
        Parameters that must be whole numbers; `text` ones may be a string instead.
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    natural: tuple[str, ...] = ()
    integer: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """All parameters."""
        return self.required + self.optional


_CONV = NodeType(
    required=("weight", "stride", "padding", "dilation", "groups", "bias"),
    optional=("input_shape",),
    positive=("stride", "dilation", "groups", "input_shape"),
    natural=("padding",),
    integer=("stride", "padding", "dilation", "groups", "input_shape"),
    text=("padding",),
)
_POOL = NodeType(
    required=("kernel_size", "stride", "padding"),
    positive=("kernel_size", "stride"),
    natural=("padding",),
    integer=("kernel_size", "stride", "padding"),
)
_SHAPE = NodeType(required=("shape",), positive=("shape",), integer=("shape",))

NODE_TYPES: Mapping[str, NodeType] = {
    "Input": _SHAPE,
    "Output": _SHAPE,
    "Affine": NodeType(required=("weight", "bias")),
    "Linear": NodeType(required=("weight",)),
    "Scale": NodeType(required=("scale",)),
    "Flatten": NodeType(
        required=("start_dim", "end_dim"), optional=("input_type",), integer=("start_dim", "end_dim")
    ),
    "Threshold": NodeType(required=("threshold",)),
    "I": NodeType(required=("r",)),
    "IF": NodeType(required=("r", "v_threshold"), optional=("v_reset",)),
    "LI": NodeType(required=("tau", "r", "v_leak"), positive=("tau",)),
    "LIF": NodeType(required=("tau", "r", "v_leak", "v_threshold"), optional=("v_reset",), positive=("tau",)),
    "CubaLI": NodeType(
        required=("tau_syn", "tau_mem", "r", "v_leak"), optional=("w_in",), positive=("tau_syn", "tau_mem")
    ),
    "CubaLIF": NodeType(
        required=("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
        optional=("w_in", "v_reset"),
        positive=("tau_syn", "tau_mem"),
    ),
    "Conv1d": _CONV,
    "Conv2d": _CONV,
    "SumPool2d": _POOL,
    "AvgPool2d": _POOL,
    "Delay": NodeType(required=("delay",), natural=("delay",)),
}

SPIKING = ("IF", "LIF", "CubaLIF")
ANALOG = ("I", "LI", "CubaLI")
NEURONS = (*SPIKING, *ANALOG)


def check_node(graph: Graph, node: Node) -> None:
    """Check the parameters of one node.

    Raises
    ------
    UserError
        A parameter is missing, not finite, or outside its range.
    """
    kind = NODE_TYPES[node.type]
    for name in kind.required:
        if name not in node.params:
            raise graph.error(node.name, f"has no {name}; it needs {', '.join(kind.required)}")
    for name in node.params:
        _check_value(graph, node, kind, name)


def _check_value(graph: Graph, node: Node, kind: NodeType, name: str) -> None:
    value = node.params[name]
    if isinstance(value, str):
        if name in kind.text and value in ("same", "valid"):
            return
        words = " or 'same' or 'valid'" if name in kind.text else ""
        raise graph.error(node.name, f"{name} is the text {quoted(value)}; accepted: numbers{words}")
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        bad = value[~np.isfinite(value)].flat[0]
        raise graph.error(node.name, f"{name} holds {bad}; accepted: finite numbers{_hint(name, bad)}")
    if name in kind.positive and (value <= 0).any():
        raise graph.error(node.name, f"{name} holds {value.min():g}; accepted: numbers above 0")
    if name in kind.natural and (value < 0).any():
        raise graph.error(node.name, f"{name} holds {value.min():g}; accepted: numbers from 0")
    if name in kind.integer and (value != np.floor(value)).any():
        raise graph.error(node.name, f"{name} holds a fraction; accepted: whole numbers")


def _hint(name: str, bad: float) -> str:
    return " (without decay a node is I or IF)" if name.startswith("tau") and np.isposinf(bad) else ""
