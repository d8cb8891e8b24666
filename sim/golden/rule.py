"""What a population's arithmetic must offer to be run: all that float and integer differ in."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["Outcome", "Rule"]


class Outcome(NamedTuple):
    """What some steps gave, arrays (steps, samples, neurons).

    `spikes` is None without a threshold; `v` and `i` are None where they were not asked for, `i` also without
    a synaptic current.
    """

    spikes: np.ndarray | None
    v: np.ndarray | None
    i: np.ndarray | None
    saturations: int = 0


class Rule(Protocol):
    """The arithmetic of one population.

    Attributes
    ----------
    acc_dtype : dtype
        Type in which its synaptic input is summed.
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

    def advance(self, state: Any, acc: np.ndarray, *, record: bool) -> Outcome:
        """Some steps, from `state`, which is overwritten.

        `acc` is (steps, samples, neurons), the sum over the projections; `record`: the states are wanted.
        """
        ...
