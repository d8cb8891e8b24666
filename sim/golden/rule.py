"""What a population's arithmetic must offer to be run: all that float and integer differ in."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["Outcome", "Rule"]


class Outcome(NamedTuple):
    """What one step gave, arrays (samples, neurons).

    `state` is what the next step gets; `i` is None without a synaptic current, `spikes` None without
    a threshold.
    """

    state: Any
    v: np.ndarray
    i: np.ndarray | None
    spikes: np.ndarray | None
    saturations: int = 0


class Rule(Protocol):
    """The arithmetic of one population.

    Attributes
    ----------
    acc_dtype : dtype
        Floating type of the matrix products that sum its synaptic input.
    state_dtype, spike_dtype : dtype
        Of the recorded states and spikes.
    has_current, spiking : bool
        Whether steps give `i` and `spikes`.
    """

    @property
    def acc_dtype(self) -> np.dtype: ...  # noqa: D102
    @property
    def state_dtype(self) -> np.dtype: ...  # noqa: D102
    @property
    def spike_dtype(self) -> np.dtype: ...  # noqa: D102
    @property
    def has_current(self) -> bool: ...  # noqa: D102
    @property
    def spiking(self) -> bool: ...  # noqa: D102

    def start(self, samples: int) -> Any:
        """State before the first step of a chunk of samples."""
        ...

    def step(self, state: Any, acc: np.ndarray) -> Outcome:
        """One step; `acc` is (samples, neurons), the sum over the projections."""
        ...
