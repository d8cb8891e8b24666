"""Memories that are loaded at run time instead of being part of the design: what that asks of a plan.

Another model of the same shape can then be loaded without synthesis. So nothing that a trained model brings
may decide about the hardware: accumulators hold whatever weights there may be, thresholds are always words of
a memory, and how wide these are follows from the number format (hw/parameter_store.py).
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from ..hw.boards.device import SPRAM_ROWS, Device
from ..hw.loaded_memory import SLICE_BITS
from ..hw.params import (
    INPUT,
    AcceleratorParams,
    CoreParams,
    LinkParams,
    NeuronParams,
    WeightStore,
    bits_for_signed,
)

__all__ = ["WeightsForm", "loaded_neuron", "spram_lanes", "with_loading"]

_LEAST_SPRAM_BITS = 1 << 15
"""Weight memories below are left to block RAM, which they fill better."""


class WeightsForm(StrEnum):
    """Whether weights and parameters are in the bitstream, or loaded."""

    INITIALISED = "initialised"
    LOADED = "loaded"


def with_loading(params: AcceleratorParams, *, input_max: int, device: Device | None) -> AcceleratorParams:
    """The same hardware with all weights and parameters loaded.

    Parameters
    ----------
    input_max : int
        Most events of an input channel in a step.
    device : Device or None
        Its SPRAMs are used, the largest weight memories first.
    """
    stores = _stores(params, device)
    cores = []
    for number, core in enumerate(params.cores):
        bits = _accumulator_bits(params, number, input_max)
        array = replace(core.array, acc_bits=bits, store=stores[number])
        cores.append(replace(core, array=array, neuron=loaded_neuron(core.neuron, core, acc_bits=bits)))
    return replace(params, cores=tuple(cores))


def loaded_neuron(neuron: NeuronParams, core: CoreParams, *, acc_bits: int) -> NeuronParams:
    """Parameters of `core`'s neurons, in the order of hardware, made fit for loading."""
    if isinstance(neuron.threshold, int):
        neuron = replace(neuron, threshold=(neuron.threshold,) * neuron.neurons)
    neuron = replace(neuron, acc_bits=acc_bits, loaded_period=neuron.neurons)
    if core.map_shape is None:
        return neuron
    try:
        return replace(neuron, loaded_period=core.map_shape[0])  # alike all over a filter's map
    except ValueError:
        return neuron


def spram_lanes(weight_bits: int, device: Device | None) -> int | None:
    """Most lanes whose weights come out of the SPRAMs of `device` in one cycle; None: it has none."""
    return device.sprams * SLICE_BITS // weight_bits if device is not None and device.sprams else None


def _accumulator_bits(params: AcceleratorParams, number: int, input_max: int) -> int:
    """Width that no weights of their format can overflow in a step."""
    core = params.cores[number]
    events = sum(
        _fan_in(link) * (input_max if link.source == INPUT else params.cores[link.source].neuron.spike_max)
        for link in params.links(number)
    )
    if core.array.weight_bits == 1:
        return bits_for_signed(-events, events)
    high = 1 << (core.array.weight_bits - 1)
    return bits_for_signed(-high * events, (high - 1) * events)


def _fan_in(link: LinkParams) -> int:
    """Channels of a link that a neuron sees."""
    if link.conv is None:
        return link.channels
    conv = link.conv
    return conv.channels // conv.groups * conv.rows.kernel * conv.columns.kernel


def _stores(params: AcceleratorParams, device: Device | None) -> list[WeightStore]:
    stores = [WeightStore.LOADED] * len(params.cores)
    left = 0 if device is None else device.sprams
    for number in sorted(range(len(stores)), key=lambda k: -params.cores[k].weight_memory_bits):
        core = params.cores[number]
        needed = -(-core.array.row_bits // SLICE_BITS) * -(-core.rows // SPRAM_ROWS)
        if needed <= left and core.weight_memory_bits >= _LEAST_SPRAM_BITS:
            stores[number] = WeightStore.SPRAM
            left -= needed
    return stores
