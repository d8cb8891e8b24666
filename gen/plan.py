"""Decide the hardware of a quantised network: cores, lanes, readout.

Does not touch numbers (the quantiser did) and does not emit anything. Every population becomes a core;
gen/core_wiring.py says what feeds it.

Automatic choices
-----------------
lanes
    The full fan-out up to 32 targets; beyond that as few cycles an event as 32 lanes need, with as
    few lanes as that takes (40 targets: 2 groups of 20), a multiple of 4 so that update lanes divide them.
    Where a convolution feeds the population: as many, up to 32, as divide the filters of its groups, or
    make up whole groups (a depthwise convolution or a pool).
update_lanes
    The smallest divisor of the lanes whose sweep over the population takes at most 32 cycles, but
    no more than 8, or 16 where a convolution feeds the population: maps are large, and few events come.
    In a loop, where every step waits for the sweep of the one before, at most 4 cycles with no more than 10.
delays
    Of single synapses: in the array or on delay lines, whichever costs less (gen/delay_forms.py).
sparse
    A matrix with many zeros is stored as row lists where that costs less, with as many lanes as it then
    takes (gen/sparse_forms.py).
input_values
    A count in the input is a value beside the index, and the arrays that the input feeds multiply, where that
    spares enough cycles (gen/input_form.py); else it is repeated events, which cost no gates.
weights
    `loaded`: memories are written at run time (gen/loading.py). Matrices are then never row lists and delays
    of single synapses always in the array, unless asked for: both tie the hardware to one model's weights.
readout
    `spikes` for a spiking output population, `membrane` for an analog one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..hw.boards.device import Device
from ..hw.boards.registry import BOARDS
from ..hw.conv_params import common_lanes
from ..hw.params import AcceleratorParams, ArrayParams, CoreParams, ReadoutKind
from .core_wiring import CoreWiring, input_channels, wire_cores
from .delay_forms import DelayForm, delay_note
from .errors import UserError
from .input_form import input_notes, input_value_bits, with_input_values
from .ir import QuantisedNetwork, QuantisedPopulation
from .loading import WeightsForm, spram_lanes, with_loading
from .names import unique_names
from .neuron_order import in_hardware_order
from .plan_options import AUTO, PlanOptions
from .sparse_forms import SparseForm, StoredLinks, store_links

__all__ = ["AUTO", "Plan", "PlanOptions", "for_loading", "make_plan"]

AUTO_LANES = 32
AUTO_STEP = 4
AUTO_UPDATE_LANES = 8
AUTO_MAP_UPDATE_LANES = 16
AUTO_SWEEP_CYCLES = 32
AUTO_LOOP_UPDATE_LANES = 10  # beyond, LUTs grow far more than cycles fall
AUTO_LOOP_SWEEP_CYCLES = 4
SPARSE_LANES = (16, 8, 4, 2, 1)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The hardware that was decided: core k holds `populations[k]`.

    Attributes
    ----------
    accelerator : AcceleratorParams
        Parameters of the top level.
    populations : tuple of str
        Names in the quantised network; core names are these made fit for RTL.
    projections : tuple of tuple of tuple of str
        Of each core, of each of its links: the projections behind it.
    options : PlanOptions
        What was asked for.
    notes : tuple of str
        A line for every choice between forms of hardware, with what each would cost.
    """

    accelerator: AcceleratorParams
    populations: tuple[str, ...]
    projections: tuple[tuple[tuple[str, ...], ...], ...]
    options: PlanOptions
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.accelerator.cores) == len(self.populations) == len(self.projections):
            raise ValueError("A plan needs one population and one list of projections a core")

    @property
    def wirings(self) -> tuple[CoreWiring, ...]:
        """What feeds each core."""
        return tuple(
            CoreWiring(links=core.links, projections=projections, max_delay=core.array.max_delay)
            for core, projections in zip(self.accelerator.cores, self.projections, strict=True)
        )


def make_plan(
    network: QuantisedNetwork, options: PlanOptions | None = None, *, sample: np.ndarray | None = None
) -> Plan:
    """Map `network` to cores.

    Parameters
    ----------
    network : QuantisedNetwork
        Any graph of populations; the outputs all spike or are all analog.
    options : PlanOptions, optional
        Automatic everything when absent.
    sample : ndarray, optional
        Typical input, counts of any shape: automatic choices may look at it.

    Raises
    ------
    UserError
        The graph cannot be mapped, or an option does not fit the network.
    """
    asked = options or PlanOptions()
    options = for_loading(asked)
    device = BOARDS[options.board].device if options.board in BOARDS else None
    _check_populations(network)
    _check_option_names(network, options)
    wirings = wire_cores(network, options.delays)
    loops = _loops(wirings)
    stored = [
        _stored(network, population, wiring, options, device, in_loop=number in loops)
        for number, (population, wiring) in enumerate(zip(network.populations, wirings, strict=True))
    ]
    outputs = _outputs(network)
    value_bits = input_value_bits(network, options.input_values, sample)
    names = unique_names([population.name for population in network.populations])
    try:
        accelerator = AcceleratorParams(
            cores=tuple(
                with_input_values(_core(name, population, links, max_delay=wiring.max_delay), value_bits)
                for name, population, wiring, links in zip(
                    names, network.populations, wirings, stored, strict=True
                )
            ),
            readout=_readout(outputs[0], options),
            outputs=tuple(network.populations.index(population) for population in outputs),
            input_channels=input_channels(network),
            count_bits=options.count_bits,
            debug=options.debug,
            count_saturations=options.count_saturations,
        )
        if options.weights == WeightsForm.LOADED:
            accelerator = with_loading(accelerator, input_max=network.input_max, device=device)
    except ValueError as error:
        raise UserError(f"Network {network.name}: {error}") from None
    return Plan(
        accelerator=accelerator,
        populations=tuple(population.name for population in network.populations),
        projections=tuple(wiring.projections for wiring in wirings),
        options=asked,
        notes=(
            *_delay_notes(network, wirings),
            *(note for links in stored for note in links.notes),
            *input_notes(network, value_bits, sample),
        ),
    )


def for_loading(options: PlanOptions) -> PlanOptions:
    """Options with automatic choices that depend on the weights made, where these are loaded."""
    if options.weights != WeightsForm.LOADED:
        return options
    return replace(
        options,
        sparse=SparseForm.NEVER if options.sparse == AUTO else options.sparse,
        delays=DelayForm.ARRAY if options.delays == AUTO else options.delays,
    )


def _delay_notes(network: QuantisedNetwork, wirings: tuple[CoreWiring, ...]) -> Iterator[str]:
    for population, wiring in zip(network.populations, wirings, strict=True):
        form = DelayForm.ARRAY if wiring.max_delay else DelayForm.LINES
        note = delay_note(network, population.name, form)
        if note is not None:
            yield note


def _check_populations(network: QuantisedNetwork) -> None:
    if not network.populations:
        raise UserError(
            f"Network {network.name} has no population; at least one neuron or linear node is needed"
        )


def _check_option_names(network: QuantisedNetwork, options: PlanOptions) -> None:
    known = [population.name for population in network.populations]
    for option in ("population_lanes", "population_update_lanes"):
        for name in getattr(options, option):
            if name not in known:
                raise UserError(f"Option {option} names no population {name}; there are {', '.join(known)}")


def _core(name: str, population: QuantisedPopulation, stored: StoredLinks, *, max_delay: int) -> CoreParams:
    core = CoreParams(
        name=name,
        array=ArrayParams(
            sources=sum(link.channels for link in stored.links),
            targets=population.size,
            lanes=stored.lanes,
            weight_bits=population.weight_bits,
            acc_bits=population.neuron.acc_bits,
            max_delay=max_delay,
        ),
        neuron=population.neuron,
        update_lanes=stored.update_lanes,
        links=stored.links,
    )
    return replace(core, neuron=in_hardware_order(population.neuron, core))


def _outputs(network: QuantisedNetwork) -> list[QuantisedPopulation]:
    by_name = {population.name: population for population in network.populations}
    outputs = [by_name[name] for name in network.outputs]
    if len({population.spiking for population in outputs}) > 1:
        raise UserError(
            f"Network {network.name}: outputs {', '.join(network.outputs)} must all spike or all be analog"
        )
    return outputs


def _loops(wirings: Sequence[CoreWiring]) -> frozenset[int]:
    """Numbers of the cores between a recurrent link's ends."""
    ends = [(k, link) for k, wiring in enumerate(wirings) for link in wiring.links if link.recurrent]
    return frozenset(number for k, link in ends for number in range(k, link.source + 1))


def _stored(
    network: QuantisedNetwork,
    population: QuantisedPopulation,
    wiring: CoreWiring,
    options: PlanOptions,
    device: Device | None,
    *,
    in_loop: bool,
) -> StoredLinks:
    """Links, lanes and update lanes of a core."""
    most = AUTO_LANES
    if options.weights == WeightsForm.LOADED:
        most = min(most, spram_lanes(population.weight_bits, device) or most)
    lanes = [_lanes(population, wiring, options, most)]
    free = options.lanes == AUTO and population.name not in options.population_lanes
    if free and not any(link.conv is not None for link in wiring.links):
        asked = options.population_update_lanes.get(population.name, 1)
        lanes += [n for n in SPARSE_LANES if n < lanes[0] and n % asked == 0]
    shapes = [(n, _update_lanes(population, wiring, n, options, in_loop=in_loop)) for n in lanes]
    return store_links(network, population, wiring, shapes, SparseForm(options.sparse))


def _lanes(population: QuantisedPopulation, wiring: CoreWiring, options: PlanOptions, auto_lanes: int) -> int:
    targets, asked = population.size, options.population_lanes.get(population.name)
    if asked is not None:
        if asked > targets:
            raise UserError(
                f"Option population_lanes of {population.name} must be between 1 and {targets}, not {asked}"
            )
        return asked
    most = options.lanes if isinstance(options.lanes, int) else auto_lanes
    convolutions = [link.conv for link in wiring.links if link.conv is not None]
    if convolutions:
        return common_lanes(convolutions, most=most, weight_bits=population.weight_bits)
    if isinstance(options.lanes, int) or targets <= auto_lanes or auto_lanes < AUTO_STEP:
        return min(most, targets)
    groups = -(-targets // (auto_lanes // AUTO_STEP * AUTO_STEP))
    return -(-targets // (groups * AUTO_STEP)) * AUTO_STEP


def _update_lanes(
    population: QuantisedPopulation, wiring: CoreWiring, lanes: int, options: PlanOptions, *, in_loop: bool
) -> int:
    targets, asked = population.size, options.population_update_lanes.get(population.name)
    divisors = [n for n in range(1, lanes + 1) if lanes % n == 0]
    if asked is not None:
        if asked not in divisors:
            raise UserError(
                f"Option population_update_lanes of {population.name} must divide its {lanes} lanes,"
                f" not {asked}"
            )
        return asked
    if isinstance(options.update_lanes, int):
        return max(n for n in divisors if n <= options.update_lanes)
    is_map = any(link.conv is not None for link in wiring.links)
    most = AUTO_MAP_UPDATE_LANES if is_map else AUTO_UPDATE_LANES
    cycles = AUTO_SWEEP_CYCLES
    if in_loop:
        most, cycles = AUTO_LOOP_UPDATE_LANES, AUTO_LOOP_SWEEP_CYCLES
    allowed = [n for n in divisors if n <= most]
    return next((n for n in allowed if -(-targets // n) <= cycles), allowed[-1])


def _readout(output: QuantisedPopulation, options: PlanOptions) -> ReadoutKind:
    if options.readout == AUTO:
        return ReadoutKind.SPIKES if output.spiking else ReadoutKind.MEMBRANE
    kind = ReadoutKind(options.readout)
    accepted = [ReadoutKind.SPIKES, ReadoutKind.COUNTS] if output.spiking else [ReadoutKind.MEMBRANE]
    accepted.append(ReadoutKind.CLASS)
    if kind not in accepted:
        what = "spikes" if output.spiking else "does not spike"
        raise UserError(
            f"Option readout={kind} does not fit output population {output.name}, which {what};"
            f" accepted: {', '.join(accepted)}"
        )
    return kind
