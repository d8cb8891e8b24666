"""How far graded spikes are counted: the bits of a population's spike count."""

from __future__ import annotations

import numpy as np

from ...hw.params import bits_for_unsigned
from ..ir import Population
from ..semantics import Spikes
from .calibration import Calibration
from .option_values import AUTO
from .options import QuantiseOptions

__all__ = ["MAX_SPIKE_BITS", "choose_spike_bits", "largest_count"]

MAX_SPIKE_BITS = 8
_DEFAULT_BITS = 4  # without a calibration set


def choose_spike_bits(population: Population, options: QuantiseOptions, seen: Calibration | None) -> int:
    """Bits that hold the spike counts of `population`; 1 where its spikes are binary.

    What is not given is the largest count of the float network on the calibration set, times
    `QuantiseOptions.range_margin`, or 4 bits without one. A larger count is not lost: its rest stays in
    the membrane.
    """
    if population.spikes is not Spikes.GRADED:
        return 1
    given = options.of(population.name).spike_bits
    if given != AUTO:
        return int(given)
    if seen is None:
        return _DEFAULT_BITS
    largest = int(np.ceil(options.range_margin * largest_count(seen, population.name)))
    return min(MAX_SPIKE_BITS, bits_for_unsigned(largest))


def largest_count(seen: Calibration, population: str) -> int:
    """Most spikes of a neuron of the float network in a step."""
    return int(seen.run.spikes[population].max(initial=0))
