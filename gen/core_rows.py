"""Words of every core's weight memory, from the weights of a network.

Rows of matrices follow the order in which hardware numbers neurons, on both sides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..hw.params import INPUT, AcceleratorParams, CoreParams, LinkParams
from .core_wiring import link_delays, link_weights
from .images import kernel_rows, weight_rows
from .ir import QuantisedNetwork
from .neuron_order import neuron_order
from .plan import Plan

__all__ = ["core_rows"]


def core_rows(plan: Plan, network: QuantisedNetwork) -> list[list[int]]:
    """Give, for each core, the `CoreParams.rows` words of its weight memory.

    Raises
    ------
    ValueError
        A weight does not fit the plan.
    """
    cores = plan.accelerator.cores
    return [
        _rows(plan.accelerator, core, link_weights(network, wiring), link_delays(network, wiring))
        for core, wiring in zip(cores, plan.wirings, strict=True)
    ]


def _rows(
    params: AcceleratorParams, core: CoreParams, weights: list[np.ndarray], delays: list[np.ndarray] | None
) -> list[int]:
    matrices = [
        weight if link.conv is not None else _reordered(weight, params, core, link)
        for weight, link in zip(weights, core.links, strict=True)
    ]
    if not core.convolutions:
        beside = [
            _reordered(delay, params, core, link)
            for delay, link in zip(delays or [], core.links, strict=False)
        ]
        return weight_rows(_joined(matrices), core.array, _joined(beside) if beside else None)
    rows: list[int] = []
    for weight, link in zip(matrices, core.links, strict=True):
        if link.conv is not None:
            rows += kernel_rows(weight, link.conv, core.array)
        else:
            rows += weight_rows(weight, replace(core.array, sources=link.channels))
    return rows


def _joined(matrices: list[np.ndarray]) -> np.ndarray:
    return matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1)


def _reordered(
    weight: np.ndarray, params: AcceleratorParams, core: CoreParams, link: LinkParams
) -> np.ndarray:
    targets = neuron_order(core)
    sources = None if link.source == INPUT else neuron_order(params.cores[link.source])
    if targets is not None:
        weight = weight[targets]
    return weight if sources is None else weight[:, sources]
