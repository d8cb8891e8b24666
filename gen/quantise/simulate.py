"""What the quantiser needs of a simulator, which is given to it: `gen` does not import `sim`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ..ir import Network, QuantisedNetwork

__all__ = ["Recorded", "Simulator"]


class Recorded(Protocol):
    """A run: arrays (samples, steps, neurons) by population, as `sim.golden.run.Run` holds them."""

    @property
    def spikes(self) -> Mapping[str, np.ndarray]:
        """Of spiking populations."""
        ...

    @property
    def membranes(self) -> Mapping[str, np.ndarray]:
        """Of analog populations; of all in a recorded run."""
        ...

    @property
    def currents(self) -> Mapping[str, np.ndarray]:
        """Of populations with a synaptic current, in a recorded run."""
        ...

    @property
    def saturations(self) -> Mapping[str, int]:
        """How often a state was saturated, by population."""
        ...


class Simulator(Protocol):
    """The float reference and the golden model; the module `sim.golden` is one."""

    def run_float(self, network: Network, x: np.ndarray, *, record: bool = False) -> Recorded:
        """Run a network in floating point."""
        ...

    def run_golden(self, network: QuantisedNetwork, x: np.ndarray, *, record: bool = False) -> Recorded:
        """Run a quantised network."""
        ...
