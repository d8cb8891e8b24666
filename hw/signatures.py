"""What travels between blocks: stream payloads and the sweep of a population."""

from __future__ import annotations

from amaranth import signed, unsigned
from amaranth.hdl import Shape
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

from .params import AcceleratorParams, ReadoutKind, bits_for_unsigned

__all__ = [
    "event_layout",
    "event_stream",
    "input_layout",
    "out_layout",
    "row_layout",
    "row_stream",
    "sweep_signature",
    "update_signature",
    "value_layout",
    "value_stream",
]


def event_layout(channels: int, value_bits: int = 0) -> data.StructLayout:
    """Spike event or tick, from bit 0: index, with `value_bits` value (unsigned), tick, last.

    ``tick = 0``: neuron or input `index` spiked in this step. ``tick = 1``: the step is complete, and with
    ``last = 1`` so is the sample. Between cores the events of a sample's last step carry `last` too.
    """
    if value_bits:
        return value_layout(channels, unsigned(value_bits))
    return data.StructLayout({"index": bits_for_unsigned(channels - 1), "tick": 1, "last": 1})


def value_layout(channels: int, shape: Shape) -> data.StructLayout:
    """Value of one neuron or tick, from bit 0: index, value, tick, last."""
    return data.StructLayout({"index": bits_for_unsigned(channels - 1), "value": shape, "tick": 1, "last": 1})


def event_stream(channels: int, value_bits: int = 0) -> stream.Signature:
    """Stream of `event_layout`."""
    return stream.Signature(event_layout(channels, value_bits))


def input_layout(params: AcceleratorParams) -> data.StructLayout:
    """Payload of an accelerator's events stream."""
    return event_layout(params.channels, params.input_value_bits)


def row_layout(rows: int, groups: int, value_bits: int = 0) -> data.StructLayout:
    """Row of synapses or tick, from bit 0: row, group, with `value_bits` value, tick, last.

    ``tick = 0``: the weights of word `row` of the weight memory (times `value`) are to be added to the
    accumulators of word `group`. ``tick = 1`` as in `event_layout`.
    """
    value = {"value": value_bits} if value_bits else {}
    return data.StructLayout(
        {
            "row": bits_for_unsigned(rows - 1),
            "group": bits_for_unsigned(groups - 1),
            **value,
            "tick": 1,
            "last": 1,
        }
    )


def row_stream(rows: int, groups: int, value_bits: int = 0) -> stream.Signature:
    """Stream of `row_layout`."""
    return stream.Signature(row_layout(rows, groups, value_bits))


def value_stream(channels: int, shape: Shape) -> stream.Signature:
    """Stream of `value_layout`."""
    return stream.Signature(value_layout(channels, shape))


def out_layout(params: AcceleratorParams) -> data.StructLayout:
    """Payload of an accelerator's out stream."""
    bits = params.output_value_bits
    if not bits:
        return event_layout(params.output_neurons)
    shape = signed(bits) if params.readout is ReadoutKind.MEMBRANE else unsigned(bits)
    return value_layout(params.output_neurons, shape)


def sweep_signature(lanes: int, groups: int, acc_bits: int) -> wiring.Signature:
    """Accumulators on their way to the neurons, a group of `lanes` a cycle, no back-pressure.

    strobe: a group is here; group: its number; accs: its accumulators; zero: read them as 0 (no event came);
    final: the last group of the step; last: the last step of the sample.
    """
    return wiring.Signature(
        {
            "strobe": Out(1),
            "group": Out(bits_for_unsigned(groups - 1)),
            "accs": Out(data.ArrayLayout(signed(acc_bits), lanes)),
            "zero": Out(1),
            "final": Out(1),
            "last": Out(1),
        }
    )


def update_signature(
    lanes: int, groups: int, *, state_bits: int, synapse_bits: int, tally: Shape | None, spike_bits: int = 1
) -> wiring.Signature:
    """Updated neurons, a group of `lanes` a cycle, no back-pressure.

    strobe, group, final, last as in `sweep_signature`; spikes: `spike_bits` a lane (0 for padding);
    membranes, currents (only with a synaptic current), tallies (only with a tally): the new state.
    """
    members = {
        "strobe": Out(1),
        "group": Out(bits_for_unsigned(groups - 1)),
        "spikes": Out(unsigned(lanes * spike_bits)),
        "membranes": Out(data.ArrayLayout(signed(state_bits), lanes)),
        "final": Out(1),
        "last": Out(1),
    }
    if synapse_bits:
        members["currents"] = Out(data.ArrayLayout(signed(synapse_bits), lanes))
    if tally is not None:
        members["tallies"] = Out(data.ArrayLayout(tally, lanes))
    return wiring.Signature(members)
