"""Choices for a population without looking at spikes: from its weights, thresholds and ranges alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...hw.params import PerNeuron
from ..errors import UserError
from ..ir import Population
from .calibration import Calibration
from .exact import common_scale, exact_decay_frac_bits, exact_frac_bits, exact_weights
from .formats import auto_decay_frac_bits, auto_frac_bits, choose_formats
from .integers import Choice, Formats
from .option_values import AUTO
from .options import PopulationOptions, QuantiseOptions
from .packing import unpack
from .ranges import ProvenRanges, Ranges
from .synapses import Synapses
from .weight_grid import max_scale, mse_scale, nearest, weight_limits

__all__ = ["Task", "final_formats", "given_scale", "plain_choice", "scale_floor"]

_TINY = 1e-30  # no scale is smaller: quotients stay finite


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """One population to quantise, with all that decides about it."""

    population: Population
    synapses: Synapses
    options: PopulationOptions
    network_options: QuantiseOptions
    calibration: Calibration | None
    spike_bits: int = 1

    @property
    def steps(self) -> int:
        """Length of a sample."""
        return self.network_options.horizon_steps if self.calibration is None else self.calibration.x.shape[1]

    def ranges(self, scale: np.ndarray, weight: np.ndarray, decay_frac_bits: int) -> Ranges:
        """Ranges of the states: seen where there is a calibration set, else proven."""
        if self.calibration is not None:
            return self.calibration.ranges(self.population, scale, margin=self.network_options.range_margin)
        return ProvenRanges(
            population=self.population,
            accumulators=self.synapses.accumulators(weight),
            scale=scale,
            decay_frac_bits=decay_frac_bits,
            rounding=self.options.rounding,
            steps=self.steps,
        )


def plain_choice(task: Task) -> Choice:
    """Quantise one population without a search."""
    options, population = task.options, task.population
    scale = _scale(task)
    weight = _weight(task, scale)
    if options.exact:
        decay_frac_bits = exact_decay_frac_bits(population, options)
        frac_bits = exact_frac_bits(population, scale, options)
        options = dataclasses.replace(options, frac_bits=frac_bits)
    else:
        decay_frac_bits = options.decay_frac_bits
        if not isinstance(decay_frac_bits, int):
            decay_frac_bits = auto_decay_frac_bits(population)
        frac_bits = auto_frac_bits(population, scale, weight_bits=options.weight_bits, steps=task.steps)
    formats = choose_formats(
        population,
        options,
        scale=scale,
        ranges=task.ranges(scale, weight, decay_frac_bits),
        frac_bits=frac_bits,
        decay_frac_bits=decay_frac_bits,
        max_state_bits=task.network_options.max_state_bits,
    )
    return Choice(
        weight_bits=options.weight_bits,
        formats=formats,
        scale=scale,
        weight=weight,
        threshold=_given_word(task, options.threshold),
        bias=_given_word(task, options.bias),
        spike_bits=task.spike_bits,
    )


def final_formats(task: Task, formats: Formats, scale: np.ndarray, weight: np.ndarray) -> Formats:
    """Formats with the same fraction for other scales and weights."""
    return choose_formats(
        task.population,
        dataclasses.replace(task.options, frac_bits=formats.frac_bits),
        scale=scale,
        ranges=task.ranges(scale, weight, formats.decay_frac_bits),
        frac_bits=formats.frac_bits,
        decay_frac_bits=formats.decay_frac_bits,
        max_state_bits=task.network_options.max_state_bits,
    )


def given_scale(task: Task) -> np.ndarray | None:
    """Scales that the options give, (neurons,)."""
    if isinstance(task.options.scale, str):
        return None
    return _word(task, np.asarray(task.options.scale, np.float64)).copy()


def scale_floor(task: Task, *, frac_bits: int = 0) -> np.ndarray:
    """Smallest scales at which threshold and reset value fit the membrane with `frac_bits`, (neurons,).

    A neuron whose weights are so small that it could not reach its threshold with thousands of events
    would make the membranes of all neurons wide; it gets coarser weights instead.
    """
    population, options = task.population, task.options
    held = _largest(population.size, population.threshold, population.reset_value)
    driven = np.maximum(held, _largest(population.size, population.bias, population.leak))
    given = isinstance(options.state_bits, int)
    bits = int(options.state_bits) if given else task.network_options.max_state_bits
    fraction = options.frac_bits if isinstance(options.frac_bits, int) else frac_bits
    fits = held * 2.0**fraction / ((1 << (bits - 1)) - 1)
    floor = np.maximum(fits, driven / (1 << (options.weight_bits + 10)))
    silent = np.array([not row.any() for row in task.synapses.weight])
    floor = floor.reshape(len(silent), -1).max(axis=1)
    if not population.spiking:  # one scale for all
        floor, silent = floor.max(), silent.all()
    floor = np.where(floor > _TINY, floor, np.where(silent, 1.0, _TINY))
    return task.synapses.spread(np.broadcast_to(floor, task.synapses.rows))


def _largest(neurons: int, *words: np.ndarray | None) -> np.ndarray:
    """Largest magnitude of several words of each neuron."""
    given = [np.abs(word) for word in words if word is not None and word.size]
    return np.max([np.zeros(neurons), *given], axis=0)


def _scale(task: Task) -> np.ndarray:
    given = given_scale(task)
    if given is not None:
        return given
    weight, options = task.synapses.weight, task.options
    if options.exact:
        return common_scale(task.population, weight, options)
    shared = not task.population.spiking  # one scale keeps an argmax over the neurons meaningful
    rows = weight.reshape(1, -1) if shared else weight
    if options.clip in (AUTO, "mse"):
        scale = mse_scale(rows, options.weight_bits)
    else:
        scale = max_scale(rows, options.weight_bits) * (1.0 if options.clip == "max" else float(options.clip))
    scale = np.broadcast_to(scale, task.synapses.rows)
    return np.maximum(task.synapses.spread(scale), scale_floor(task))


def _weight(task: Task, scale: np.ndarray) -> np.ndarray:
    options, weight = task.options, task.synapses.weight
    scale = task.synapses.per_row(scale)
    if options.exact:
        return exact_weights(task.population, weight, scale, options)
    integers = np.empty(weight.shape, np.int32)
    for row in range(len(weight)):
        integers[row] = nearest(weight[row] / scale[row], options.weight_bits)
    for projection in task.synapses.projections:
        if projection.name in task.network_options.weights:
            given = _given_weight(task, projection.name, projection.weight.shape)
            integers[:, task.synapses.columns[projection.name]] = given.reshape(len(integers), -1)
    return integers


def _given_weight(task: Task, name: str, shape: tuple[int, ...]) -> np.ndarray:
    weight = unpack(task.network_options.weights[name], shape, where=f"Option weights of projection {name}")
    low, high = weight_limits(task.options.weight_bits)
    fits = np.abs(weight) == 1 if task.options.weight_bits == 1 else (weight >= low) & (weight <= high)
    if not fits.all():
        raise UserError(
            f"Option weights of projection {name}: a weight does not fit {task.options.weight_bits} bits"
        )
    return weight


def _given_word(task: Task, value: PerNeuron | None) -> np.ndarray | None:
    return None if value is None else _word(task, np.asarray(value, np.int64))


def _word(task: Task, value: np.ndarray) -> np.ndarray:
    """From one value, one a row or one a neuron to one a neuron."""
    synapses = task.synapses
    return (
        synapses.spread(value)
        if value.shape == (synapses.rows,)
        else np.broadcast_to(value, synapses.neurons)
    )
