"""The samples that enter a network: one array of event counts, checked once."""

from __future__ import annotations

import numpy as np

from ...gen.errors import UserError
from ...gen.ir import Network, QuantisedNetwork

__all__ = ["check_counts", "input_events"]


def input_events(network: Network | QuantisedNetwork, x: np.ndarray) -> np.ndarray:
    """Input of a run as (samples, steps, channels), a view where possible.

    Parameters
    ----------
    network : Network or QuantisedNetwork
        Several inputs are taken flattened, one after the other in the network's order.
    x : ndarray of uint8 or bool
        (samples, steps, *input shape) or (samples, steps, channels); event counts.

    Raises
    ------
    UserError
        Wrong type or shape.
    """
    if x.dtype not in (np.dtype(np.uint8), np.dtype(bool)):
        raise UserError(f"Input of {network.name} must be uint8 event counts, not {x.dtype}")
    channels = sum(node.size for node in network.inputs)
    shapes = [(channels,), network.input_shape]
    if x.ndim < 3 or x.shape[2:] not in shapes:
        wanted = " or ".join(
            f"(samples, steps, {', '.join(map(str, shape))})" for shape in dict.fromkeys(shapes)
        )
        raise UserError(f"Input of {network.name} must have the shape {wanted}, not {x.shape}")
    return x.reshape(*x.shape[:2], channels).view(np.uint8)


def check_counts(x: np.ndarray, *, name: str, input_max: int) -> None:
    """Check that no event count is above the `input_max` that the accumulator widths hold.

    Parameters
    ----------
    x : ndarray
        (samples, steps, channels), uint8.
    name : str
        Network, for the message.
    input_max : int

    Raises
    ------
    UserError
        Names the first such count and its place.
    """
    if x.size == 0 or int(x.max()) <= input_max:
        return
    sample, step, channel = np.argwhere(x > input_max)[0]
    raise UserError(
        f"Input of {name}: {x[sample, step, channel]} events at sample {sample}, step {step}, channel"
        f" {channel}, but its accumulators hold {input_max}; compile again with input_max = {x.max()} or"
        " with calibration data that has such counts"
    )
