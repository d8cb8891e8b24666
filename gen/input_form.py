"""How a count in the input enters the hardware: as so many events, or as one token that carries its value.

Repeated events cost no gates, and a cycle (or more, where an event takes several) for each. Values cost a
multiplier a lane in the arrays that the input feeds. So values are for analog inputs (direct encoding: pixel
values straight into the first layer), events for counts of spikes, which are rarely above 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum

import numpy as np

from ..hw.params import INPUT, CoreParams
from .ir import QuantisedNetwork

__all__ = ["InputForm", "input_notes", "input_value_bits", "with_input_values"]

MOST_EVENTS = 3
"""Counts up to this are always events."""

MEAN_EVENTS = 2.0
"""From this mean of the counts above 0 on, AUTO takes values: they then halve the tokens of a step."""


class InputForm(StrEnum):
    """Form of a count in the input; AUTO takes values where they spare enough tokens."""

    AUTO = "auto"
    EVENTS = "events"
    VALUES = "values"


def input_value_bits(
    network: QuantisedNetwork, wish: InputForm | str = InputForm.AUTO, sample: np.ndarray | None = None
) -> int:
    """Width of the values in the input; 0: repeated events.

    Parameters
    ----------
    network : QuantisedNetwork
        Its `input_max` is the largest value.
    wish : InputForm
    sample : ndarray, optional
        Typical input: the mean of its counts above 0 decides. Without it `input_max` alone does.
    """
    form = InputForm(wish)
    if form is InputForm.AUTO:
        mean = _mean_count(sample)
        many = network.input_max > MOST_EVENTS and (mean is None or mean >= MEAN_EVENTS)
        form = InputForm.VALUES if many else InputForm.EVENTS
    return network.input_max.bit_length() if form is InputForm.VALUES else 0


def with_input_values(core: CoreParams, value_bits: int) -> CoreParams:
    """The same core with values of `value_bits` where the input feeds it."""
    if not any(link.source == INPUT for link in core.links):
        return core
    return replace(core, array=replace(core.array, value_bits=value_bits))


def input_notes(network: QuantisedNetwork, value_bits: int, sample: np.ndarray | None) -> Iterator[str]:
    """Tell the form of the input and what the other would cost; nothing where counts are only 0 and 1."""
    if network.input_max == 1 and not value_bits:
        return
    mean = _mean_count(sample)
    seen = "" if mean is None else f", {mean:.3g} on average where not 0"
    counts = f"counts up to {network.input_max}{seen}"
    if value_bits:
        yield (
            f"input: a count is a value of {value_bits} bits, multiplied in the arrays that the input feeds"
            f" ({counts}; as events, each would be so many tokens)"
        )
    else:
        yield f"input: a count is so many events ({counts}; values would cost a multiplier a lane)"


def _mean_count(sample: np.ndarray | None) -> float | None:
    """Mean of the counts above 0; None without any."""
    events = 0 if sample is None else int(np.count_nonzero(sample))
    return None if sample is None or not events else float(sample.sum(dtype=np.int64)) / events
