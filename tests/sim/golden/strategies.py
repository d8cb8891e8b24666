"""Random neuron parameters: every kind, reset, rounding and format, values shared or per neuron."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.params import (
    LATE_RESETS,
    Compare,
    DecayParams,
    Fire,
    NeuronParams,
    Reset,
    Rounding,
)

__all__ = ["axes", "convolutions", "decays", "neurons"]


def per_neuron(count, values):
    return st.one_of(values, st.tuples(*[values] * count))


@st.composite
def decays(draw, count):
    frac_bits = draw(st.integers(1, 16))
    factors = st.one_of(
        st.integers(0, 1 << frac_bits), st.sampled_from([0, (1 << frac_bits) - 1, 1 << frac_bits])
    )
    factor = draw(per_neuron(count, factors))
    return DecayParams(factor=factor, frac_bits=frac_bits, rounding=draw(st.sampled_from(Rounding)))


@st.composite
def neurons(draw, count, *, max_bits=48):
    """Parameters of `count` neurons; formats of up to `max_bits`, small ones often, which saturate."""
    bits = st.one_of(st.integers(2, 10), st.integers(2, max_bits))
    state_bits = draw(bits)
    state = st.integers(-(1 << (state_bits - 1)), (1 << (state_bits - 1)) - 1)
    near = st.one_of(st.integers(-20, 20), st.integers(-(1 << (state_bits + 1)), 1 << (state_bits + 1))).map(
        lambda v: max(-(1 << 47), min(v, (1 << 47) - 1))
    )
    synapse = draw(st.none() | decays(count))
    membrane = draw(st.none() | decays(count))
    threshold = draw(st.none() | per_neuron(count, state))
    resets = [r for r in Reset if membrane is not None or r not in LATE_RESETS]
    fires = list(Fire) if membrane is not None else [Fire.AFTER]
    params = NeuronParams(
        neurons=count,
        acc_bits=draw(bits),
        state_bits=state_bits,
        frac_bits=draw(st.one_of(st.integers(0, 6), st.integers(0, 16))),
        synapse=synapse,
        synapse_bits=draw(bits) if synapse else 0,
        membrane=membrane,
        threshold=threshold,
        reset=draw(st.sampled_from(resets)) if threshold is not None else Reset.NONE,
        reset_value=draw(per_neuron(count, state)) if threshold is not None else 0,
        compare=draw(st.sampled_from(Compare)),
        fire=draw(st.sampled_from(fires)) if threshold is not None else Fire.AFTER,
        bias=draw(per_neuron(count, near)),
        leak=draw(per_neuron(count, near)) if synapse else 0,
        v_min=draw(st.none() | per_neuron(count, state)),
    )
    return draw(graded(params)) if threshold is not None and draw(st.integers(0, 3)) == 0 else params


@st.composite
def graded(draw, params):
    """The same neurons with graded spikes."""
    high = (1 << (params.state_bits - 1)) - 1
    threshold = draw(per_neuron(params.neurons, st.integers(1, min(high, 20)) | st.integers(1, high)))
    return replace(
        params,
        spike_bits=draw(st.integers(2, 8)),
        threshold=threshold,
        reset=Reset.SUBTRACT,
        compare=Compare.GE,
        fire=Fire.AFTER,
    )


@st.composite
def axes(draw, size):
    """An axis over `size` coordinates; any number of zeros may follow the last one."""
    return AxisParams(
        size=size,
        outputs=draw(st.integers(1, 4)),
        kernel=draw(st.integers(1, 4)),
        stride=draw(st.integers(1, 3)),
        padding=draw(st.integers(0, 3)),
        dilation=draw(st.integers(1, 3)),
        pool=draw(st.integers(1, min(size, 3))),
    )


@st.composite
def convolutions(draw, *, max_size=6):
    """Convolutions of random geometry with few channels and filters."""
    groups = draw(st.integers(1, 3))
    return ConvParams(
        channels=groups * draw(st.integers(1, 2)),
        filters=groups * draw(st.integers(1, 2)),
        rows=draw(axes(draw(st.integers(1, max_size)))),
        columns=draw(axes(draw(st.integers(1, max_size)))),
        groups=groups,
    )
