"""Try candidates for the neurons of one population, all at once.

Neurons are independent once their input is given, so every candidate of every neuron is a neuron of one
wide population that the golden model runs on the same events. What is compared is spikes, as the next
population feels them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ..ir import Input, Population, QuantisedNetwork, QuantisedProjection
from ..semantics import Spikes
from .integers import Choice, Formats, build_population
from .proofs import accumulator_interval
from .simulate import Simulator
from .synapses import frozen
from .traces import decay_filter

__all__ = ["Candidates", "Listener", "Trial"]

_MAX_VALUES = 1 << 24  # samples x steps x neurons of one run


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidates:
    """Integers of several candidates a neuron.

    Attributes
    ----------
    scale : ndarray
        (candidates, neurons)
    weight : ndarray
        (candidates, neurons, sources), int16.
    threshold : ndarray or None
        (candidates, neurons), int64, in state LSB; None: from the network.
    """

    scale: np.ndarray
    weight: np.ndarray
    threshold: np.ndarray | None = None

    def best(self, error: np.ndarray) -> Candidates:
        """The candidate of each neuron with the smallest error (the first of equal ones), as the only one."""
        pick = error.argmin(axis=0)
        neurons = np.arange(len(pick))
        return Candidates(
            scale=self.scale[pick, neurons][None],
            weight=self.weight[pick, neurons][None],
            threshold=None if self.threshold is None else self.threshold[pick, neurons][None],
        )


@dataclass(frozen=True, kw_only=True)
class Listener:
    """What feels the spikes of a population: the decays of the populations they go to, or a counter."""

    decays: tuple[float, ...] = ()
    counts: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """One population, the events that reach it, and what it should answer.

    Attributes
    ----------
    population : Population
    events : ndarray
        (samples, steps, sources), uint8.
    reference : ndarray
        (samples, steps, neurons): spikes or their counts, or real membranes where the population has none.
    listener : Listener
    weight_bits, formats
        As in `Choice`.
    threshold, bias : ndarray or None
        As in `Choice`: given integers, (neurons,).
    spike_bits : int
    """

    simulate: Simulator
    population: Population
    events: np.ndarray
    reference: np.ndarray
    listener: Listener
    weight_bits: int
    formats: Formats
    threshold: np.ndarray | None = None
    bias: np.ndarray | None = None
    spike_bits: int = 1

    def errors(self, candidates: Candidates) -> np.ndarray:
        """Error of each candidate of each neuron, (candidates, neurons)."""
        tried, neurons = candidates.scale.shape
        samples, steps = self.events.shape[:2]
        width = max(1, _MAX_VALUES // (tried * max(samples * steps, self.events.shape[2])))
        parts = [
            self._errors(candidates, np.arange(start, min(neurons, start + width)))
            for start in range(0, neurons, width)
        ]
        return np.concatenate(parts, axis=1)

    def _errors(self, candidates: Candidates, neurons: np.ndarray) -> np.ndarray:
        tried = len(candidates.scale)
        scale = candidates.scale[:, neurons].reshape(-1)
        thresholds = candidates.threshold
        if thresholds is None and self.threshold is not None:
            thresholds = np.broadcast_to(self.threshold, candidates.scale.shape)
        choice = Choice(
            weight_bits=self.weight_bits,
            formats=self.formats,
            scale=scale,
            weight=candidates.weight[:, neurons].reshape(len(scale), -1),
            threshold=None if thresholds is None else thresholds[:, neurons].reshape(-1),
            bias=None if self.bias is None else np.tile(self.bias[neurons], tried),
            spike_bits=self.spike_bits,
        )
        answer = self._run(replicate(self.population, np.tile(neurons, tried)), choice)
        answer = answer.reshape(*answer.shape[:2], tried, len(neurons))
        reference = self.reference[:, :, None, neurons]
        if self.population.threshold is None:
            lsb = scale.reshape(tried, -1) / 2.0**self.formats.frac_bits
            return _analog_error(answer * lsb - reference)
        kind = np.int8 if self.population.spikes is Spikes.BINARY else np.int32
        return _spike_error(answer.astype(kind) - reference.astype(kind), self.listener)

    def _run(self, population: Population, choice: Choice) -> np.ndarray:
        sources = self.events.shape[2]
        most = max(1, int(self.events.max(initial=1)))
        quantised = build_population(
            population, choice, accumulator_interval(choice.weight, np.full(sources, most))
        )
        network = QuantisedNetwork(
            name=population.name,
            inputs=(Input(name="events", shape=(sources,)),),
            populations=(quantised,),
            projections=(
                QuantisedProjection(
                    name="weights", source="events", target=population.name, weight=frozen(choice.weight)
                ),
            ),
            outputs=(population.name,),
            input_max=most,
        )
        run = self.simulate.run_golden(network, self.events)
        return (run.spikes if population.spiking else run.membranes)[population.name]


def replicate(population: Population, neurons: np.ndarray) -> Population:
    """A population of copies of the neurons with these indices."""
    changes = {
        field.name: value[neurons]
        for field in dataclasses.fields(population)
        if isinstance(value := getattr(population, field.name), np.ndarray) and value.size
    }
    return dataclasses.replace(population, shape=(len(neurons),), **changes)


def _analog_error(error: np.ndarray) -> np.ndarray:
    """Squared error of each step and, as decisions take the sum, of the mean over the steps."""
    return (error**2).mean(axis=(0, 1)) + (error.mean(axis=1) ** 2).mean(axis=0) * error.shape[1]


def _spike_error(error: np.ndarray, listener: Listener) -> np.ndarray:
    """Squared difference as the listener feels it."""
    if listener.counts:
        count = error.sum(axis=1, dtype=np.int64)
        return (count**2).mean(axis=0) + 0.1 * np.abs(error).mean(axis=(0, 1))
    felt = np.zeros(error.shape[2:])
    for start in range(0, len(error), 16):
        part = error[start : start + 16].astype(np.float32)
        for decay in listener.decays:
            part = decay_filter(part, decay)
        felt += np.einsum("stkn,stkn->kn", part, part)
    return felt / (error.shape[0] * error.shape[1])
