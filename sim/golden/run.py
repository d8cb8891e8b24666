"""What a network did on a set of samples: spikes, states and saturations of its populations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from threading import Lock

import numpy as np

from ...gen.ir import Network, QuantisedNetwork
from .rule import Outcome, Rule

__all__ = ["Run", "Tape"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """Result of a run, of the float reference or of the golden model alike.

    All arrays have the shape (samples, steps, neurons).

    Attributes
    ----------
    outputs : tuple of str
        Populations that are read, in the network's order.
    spikes : mapping of str to ndarray
        Spiking populations: spikes of each step; uint8, 0 or 1, or counts where spikes are graded (of the
        float reference uint16).
    membranes : mapping of str to ndarray
        Membrane after each step (after reset, v_min and saturation), without the population's offset:
        float64, or int64 in state LSB. Populations without spikes; all of them in a recorded run.
    currents : mapping of str to ndarray
        Synaptic current after each step, like `membranes`; only in a recorded run.
    saturations : mapping of str to int
        How often a state of the population was saturated (always 0 in floating point).
    """

    outputs: tuple[str, ...]
    spikes: Mapping[str, np.ndarray]
    membranes: Mapping[str, np.ndarray]
    currents: Mapping[str, np.ndarray]
    saturations: Mapping[str, int]

    @property
    def output(self) -> np.ndarray:
        """Spikes of the first output population, or its membranes where it does not spike."""
        return self._output(self.outputs[0])

    @property
    def joined_output(self) -> np.ndarray:
        """All output populations side by side, as the accelerator's out stream numbers their neurons."""
        if len(self.outputs) == 1:
            return self.output
        return np.concatenate([self._output(name) for name in self.outputs], axis=2)

    def _output(self, name: str) -> np.ndarray:
        return self.spikes[name] if name in self.spikes else self.membranes[name]


class Tape:
    """The arrays of a `Run` while they are filled.

    Parameters
    ----------
    network : Network or QuantisedNetwork
    rules : mapping of str to Rule
        By population.
    samples, steps : int
    record : bool
        Keep membranes and synaptic currents too.
    keep : collection of str or None
        Populations that are kept beside the outputs; None: all.
    """

    def __init__(
        self,
        network: Network | QuantisedNetwork,
        rules: Mapping[str, Rule],
        *,
        samples: int,
        steps: int,
        record: bool,
        keep: Collection[str] | None,
    ) -> None:
        self._outputs = network.outputs
        self._saturations = dict.fromkeys(rules, 0)
        self._lock = Lock()  # of the sums: the arrays are written where no other thread does
        self._spikes: dict[str, np.ndarray] = {}
        self._membranes: dict[str, np.ndarray] = {}
        self._currents: dict[str, np.ndarray] = {}
        for population in network.populations:
            if keep is None or population.name in keep or population.name in network.outputs:
                shape = (samples, steps, population.size)
                self._open(population.name, rules[population.name], shape, record=record)

    def _open(self, name: str, rule: Rule, shape: tuple[int, ...], *, record: bool) -> None:
        if rule.spiking:
            self._spikes[name] = np.empty(shape, dtype=rule.spike_dtype)
        if record or not rule.spiking:
            self._membranes[name] = np.empty(shape, dtype=rule.state_dtype)
        if record and rule.has_current:
            self._currents[name] = np.empty(shape, dtype=rule.state_dtype)

    def records(self, name: str) -> bool:
        """Whether the states of a population are wanted."""
        return name in self._membranes

    def write(self, name: str, samples: slice, first_step: int, outcome: Outcome) -> None:
        """Note what some steps of one population gave for some samples."""
        with self._lock:
            self._saturations[name] += outcome.saturations
        pairs = ((self._spikes, outcome.spikes), (self._membranes, outcome.v), (self._currents, outcome.i))
        for arrays, part in pairs:
            if name in arrays:
                assert part is not None
                arrays[name][samples, first_step : first_step + len(part)] = part.transpose(1, 0, 2)

    def run(self) -> Run:
        """The finished run."""
        return Run(
            outputs=self._outputs,
            spikes=self._spikes,
            membranes=self._membranes,
            currents=self._currents,
            saturations=self._saturations,
        )
