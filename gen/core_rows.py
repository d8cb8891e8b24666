"""Words of every core's weight memory, from the weights of a network.

Rows of matrices follow the order in which hardware numbers neurons, on both sides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..hw.params import CoreParams, LinkParams
from .core_wiring import link_delays, link_weights
from .images import kernel_rows, weight_rows
from .ir import QuantisedNetwork
from .neuron_order import matrix_order
from .plan import Plan
from .row_lists import list_counts, list_rows

__all__ = ["core_rows"]


def core_rows(plan: Plan, network: QuantisedNetwork) -> list[list[int]]:
    """Give, for each core, the `CoreParams.rows` words of its weight memory.

    Raises
    ------
    ValueError
        A weight does not fit the plan.
    """
    return [
        _rows(network, name, core, link_weights(network, wiring), link_delays(network, wiring))
        for name, core, wiring in zip(plan.populations, plan.accelerator.cores, plan.wirings, strict=True)
    ]


def _rows(
    network: QuantisedNetwork,
    name: str,
    core: CoreParams,
    weights: list[np.ndarray],
    delays: list[np.ndarray] | None,
) -> list[int]:
    matrices = [
        weight if link.conv is not None else matrix_order(network, weight, name, link)
        for weight, link in zip(weights, core.links, strict=True)
    ]
    if not core.by_rows:
        beside = [
            matrix_order(network, delay, name, link)
            for delay, link in zip(delays or [], core.links, strict=False)
        ]
        return weight_rows(_joined(matrices), core.array, _joined(beside) if beside else None)
    parts = [_link_rows(weight, core, link) for weight, link in zip(matrices, core.links, strict=True)]
    in_place = sorted(zip(core.link_bases, parts, strict=True), key=lambda part: part[0])
    return [word for _, part in in_place for word in part]


def _link_rows(weight: np.ndarray, core: CoreParams, link: LinkParams) -> list[int]:
    if link.conv is not None:
        return kernel_rows(weight, link.conv, core.array)
    if link.lists:
        if tuple(list_counts(weight, core.array.lanes)) != link.lists:
            raise ValueError(f"Core {core.name}: the plan's row lists are not those of the weights")
        return list_rows(weight, core.array)
    return weight_rows(weight, replace(core.array, sources=link.channels))


def _joined(matrices: list[np.ndarray]) -> np.ndarray:
    return matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1)
