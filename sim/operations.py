"""How many synaptic operations a run took: a weight added for a spike is one."""

from __future__ import annotations

import numpy as np

from ..gen.convolution import fan_out
from ..gen.ir import QuantisedNetwork, QuantisedProjection
from .golden.run import Run

__all__ = ["synaptic_operations"]


def synaptic_operations(network: QuantisedNetwork, x: np.ndarray, run: Run) -> int:
    """Synaptic operations of a run that kept all spikes.

    A spike into a matrix takes one for each target, a spike into a convolution one for each output whose
    window it lies in and each filter that sees its channel.

    Parameters
    ----------
    network : QuantisedNetwork
    x : ndarray
        (samples, steps, ...), event counts.
    run : Run
        Of `network` on `x`.
    """
    inputs = _inputs(network, x)
    return sum(
        _operations(projection, inputs.get(projection.source, run.spikes.get(projection.source)))
        for projection in network.projections
    )


def _inputs(network: QuantisedNetwork, x: np.ndarray) -> dict[str, np.ndarray]:
    cuts = np.cumsum([node.size for node in network.inputs])[:-1]
    parts = np.split(x.reshape(*x.shape[:2], -1), cuts, axis=2)
    return {node.name: part for node, part in zip(network.inputs, parts, strict=True)}


def _operations(projection: QuantisedProjection, spikes: np.ndarray | None) -> int:
    assert spikes is not None
    if projection.conv is None:
        return int(spikes.sum(dtype=np.int64)) * projection.targets
    return int(spikes.sum(axis=(0, 1), dtype=np.int64) @ fan_out(projection.conv))
