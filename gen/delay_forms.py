"""How the delays of a population's synapses are built: delay lines on its links, or delays in its array.

A delay that all synapses of a source share (axonal) is a delay line on the link. Delays of single synapses
can be in the array, beside each weight, or on a delay line for each delay that occurs, each with rows of its
own. The two are compared by memory bits times rows that an event adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..hw.delay_line import DelayShape
from ..hw.params import bits_for_unsigned
from .errors import UserError
from .ir import QuantisedNetwork, QuantisedPopulation, QuantisedProjection

__all__ = ["DelayForm", "DelayedPart", "delay_form", "delay_note", "delayed_parts"]


class DelayForm(StrEnum):
    """Where synaptic delays are; AUTO takes the cheaper form."""

    AUTO = "auto"
    LINES = "lines"
    ARRAY = "array"


@dataclass(frozen=True, eq=False)
class DelayedPart:
    """Synapses of a projection that share a link; `delay_steps` is empty without delays.

    `split`: only those whose delay is that of the link; the others are in other parts.
    """

    projection: QuantisedProjection
    delay_steps: tuple[int, ...] = ()
    split: bool = False


@dataclass(frozen=True)
class _Cost:
    """Bits of weights, delays and what waits; rows that an event adds on average."""

    bits: int
    rows: float

    def __str__(self) -> str:
        return f"{self.bits} bits, {self.rows:.3g} rows an event"


def delay_form(network: QuantisedNetwork, target: str, wish: DelayForm = DelayForm.AUTO) -> DelayForm:
    """Form of the delays into `target`: LINES also where there are none.

    Raises
    ------
    UserError
        The form that is asked for cannot hold them.
    """
    into = network.into(target)
    if not any(_synaptic(projection) for projection in into):
        return DelayForm.LINES
    population = _population(network, target)
    if any(projection.conv is not None for projection in into):
        if population.weight_bits == 1:
            raise UserError(
                f"Population {target}: synaptic delays beside a convolution need weights of 2 bits or more"
            )
        return DelayForm.LINES
    if population.weight_bits == 1:  # a row of a single delay has zeros, which one bit cannot say
        if wish is DelayForm.LINES:
            raise UserError(f"Option delays of {target}: weights of 1 bit take auto or array, not lines")
        return DelayForm.ARRAY
    if wish is not DelayForm.AUTO:
        return wish
    array, lines = _array_cost(population, into), _lines_cost(population, into)
    return DelayForm.ARRAY if array.bits * array.rows <= lines.bits * lines.rows else DelayForm.LINES


def delay_note(network: QuantisedNetwork, target: str, form: DelayForm) -> str | None:
    """Tell the form of synaptic delays into `target` and what both would cost; None without any."""
    into = network.into(target)
    if not any(_synaptic(projection) for projection in into):
        return None
    if any(projection.conv is not None for projection in into):
        return f"{target}: synaptic delays as lines, since a convolution ends in the same population"
    population = _population(network, target)
    costs = f"delays in the array: {_array_cost(population, into)}; lines: {_lines_cost(population, into)}"
    return f"{target}: synaptic delays as {form} ({costs})"


def delayed_parts(projection: QuantisedProjection, form: DelayForm) -> Iterator[DelayedPart]:
    """Give the links that a projection needs."""
    delays = projection.delay_steps
    if form is DelayForm.ARRAY or delays is None or not delays.any():
        yield DelayedPart(projection)
    elif not _synaptic(projection):
        yield DelayedPart(projection, _axonal(projection))
    else:
        for delay in _occurring(projection):
            yield DelayedPart(projection, (delay,) * projection.sources if delay else (), split=True)


def _population(network: QuantisedNetwork, target: str) -> QuantisedPopulation:
    return next(population for population in network.populations if population.name == target)


def _synaptic(projection: QuantisedProjection) -> bool:
    """Whether two synapses of a source have different delays."""
    delays = projection.delay_steps
    return delays is not None and delays.ndim == 2 and bool((delays != delays[:1]).any())


def _axonal(projection: QuantisedProjection) -> tuple[int, ...]:
    delays = projection.delay_steps
    assert delays is not None
    return tuple(map(int, delays[0] if delays.ndim == 2 else delays))


def _occurring(projection: QuantisedProjection) -> list[int]:
    """Delays of synapses that have a weight, ascending."""
    assert projection.delay_steps is not None
    return np.unique(projection.delay_steps[projection.weight != 0]).tolist() or [0]


def _array_cost(population: QuantisedPopulation, into: Sequence[QuantisedProjection]) -> _Cost:
    longest = max(int(p.delay_steps.max()) for p in into if p.delay_steps is not None)
    synapses = sum(projection.sources for projection in into) * population.size
    waiting = (longest + 1) * population.size * population.neuron.acc_bits
    return _Cost(synapses * (population.weight_bits + bits_for_unsigned(longest)) + waiting, 1.0)


def _lines_cost(population: QuantisedPopulation, into: Sequence[QuantisedProjection]) -> _Cost:
    bits = rows = 0
    for projection in into:
        for part in delayed_parts(projection, DelayForm.LINES):
            rows += projection.sources
            bits += projection.sources * population.size * population.weight_bits
            bits += DelayShape(part.delay_steps).memory_bits if part.delay_steps else 0
    return _Cost(bits, rows / sum(projection.sources for projection in into))
