"""One neuron's update as a pipeline: the equations of docs/number-contract.md, a result every cycle.

`NeuronPipeline` is built once a lane. Only what the population's kind uses becomes gates; the latency is
whatever the equations need (`stage` of the results).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import xor

from amaranth import Cat, Const, Mux, Value
from amaranth.hdl import Shape, signed

from .decay import decay
from .params import LATE_RESETS, Compare, DecayParams, Fire, NeuronParams, PerNeuron, Reset, bits_for_signed
from .staged import Pipeline, Staged

__all__ = ["NeuronInputs", "NeuronOutputs", "fits", "neuron_pipeline", "tally_shape"]


def tally_shape(params: NeuronParams, count_bits: int) -> Shape:
    """Shape of what a readout adds up over a sample: spikes (unsigned) or membranes (signed)."""
    return Shape(count_bits) if params.spiking else signed(params.state_bits + count_bits)


@dataclass(frozen=True, eq=False)
class NeuronInputs:
    """Stage-0 signals of a lane, but for `acc`; `words` holds the per-neuron parameters by field name."""

    acc: Staged
    v: Value
    i: Value | None
    tally: Value | None
    words: dict[str, Staged]


@dataclass(frozen=True, eq=False)
class NeuronOutputs:
    """Results of a lane, all at the same stage; `spike`, a bit or a count, is None without a threshold.

    `overflows`: of each state that may be saturated, builds the flag that it was, at a stage of its own.
    """

    v: Staged
    i: Staged | None
    tally: Staged | None
    spike: Staged | None
    overflows: tuple[Callable[[], Staged], ...]


def neuron_pipeline(p: Pipeline, params: NeuronParams, inputs: NeuronInputs) -> NeuronOutputs:
    """Build one lane.

    Parameters
    ----------
    inputs : NeuronInputs
        `acc` signed(acc_bits), `v` signed(state_bits), `i` signed(synapse_bits) or None.
    """
    lane = _Lane(p, params, inputs)
    x, i = lane.synapse()
    v1, fired = lane.membrane(x)
    v, spike = lane.reset(v1, fired)
    v = lane.new_membrane(v)
    emitted = fired if params.fire is Fire.BEFORE else spike
    return lane.outputs(v, i, emitted)


class _Lane:
    def __init__(self, p: Pipeline, params: NeuronParams, inputs: NeuronInputs):
        self.p = p
        self.params = params
        self.inputs = inputs
        self.v = p.input(inputs.v)
        self.overflows: list[Callable[[], Staged]] = []

    def word(self, name: str) -> Staged:
        """Parameter `name`: the neuron's word, or the constant of the population."""
        if name in self.inputs.words:
            return self.inputs.words[name]
        return self.p.constant(_constant(getattr(self.params, name)))

    def is_zero(self, name: str) -> bool:
        return getattr(self.params, name) == 0

    def decayed(self, x: Staged, params: DecayParams, name: str) -> Staged:
        return decay(self.p, x, params, self.inputs.words.get(f"{name}_factor"), name=name)

    def add(self, a: Staged, b: Staged, name: str) -> Staged:
        return self.p.register(lambda a, b: a + b, a, b, name=name)

    def compare(self, v: Staged, name: str) -> Staged:
        # the sign of a difference: one carry chain, where a comparison would also look for zero
        greater = self.params.compare is Compare.GT
        return self.p.register(
            lambda v, t: (t - v)[-1] if greater else ~(v - t)[-1], v, self.word("threshold"), name=name
        )

    def synapse(self) -> tuple[Staged, Staged | None]:
        """Synaptic input of the membrane, and the new synaptic current."""
        acc = self.inputs.acc
        x = Staged(acc.value.shift_left(self.params.frac_bits), acc.stage)
        if not self.is_zero("bias"):
            x = self.add(x, self.word("bias"), "x")
        if self.params.synapse is None or self.inputs.i is None:
            return x, None
        old = self.decayed(self.p.input(self.inputs.i), self.params.synapse, "synapse")
        i = self.state(self.add(old, x, "i_sum"), self.params.synapse_bits, "i")
        return i, i

    def membrane(self, x: Staged) -> tuple[Staged, Staged | None]:
        """Membrane before this step's reset, and whether the old membrane was above threshold."""
        params = self.params
        fired = None
        if params.reset in (*LATE_RESETS, Reset.TWO_STAGE_SUBTRACT) or params.fire is Fire.BEFORE:
            fired = self.compare(self.v, "fired")
        base = None if params.membrane is None else self.decayed(self.v, params.membrane, "membrane")
        if not self.is_zero("leak"):
            leak = self.word("leak")
            base = leak if base is None else self.add(base, leak, "leaked")
        if fired is not None and params.reset in (Reset.LATE_SUBTRACT, Reset.TWO_STAGE_SUBTRACT):
            base = self.minus_threshold(base or self.p.constant(0), fired, "late")
        if base is not None:
            x = self.add(base, x, "v_sum")
        if params.reset is Reset.LATE_VALUE:
            x = self.select(fired, self.word("reset_value"), x, "v_late")
        return x, fired

    def minus_threshold(self, v: Staged, condition: Staged, name: str) -> Staged:
        threshold = self.word("threshold")
        less = self.ahead(_masked, threshold, condition, v.stage, f"{name}_less")
        if less is not None:
            return self.p.register(lambda v, less: v - less, v, less, name=name)
        return self.p.register(lambda v, t, c: v - _masked(t, c), v, threshold, condition, name=name)

    def ahead(
        self, function: Callable[..., Value], t: Staged, condition: Staged, stage: int, name: str
    ) -> Staged | None:
        """Register of ``function(t, condition)`` at `stage`, before an adder; None: not known by then."""
        if condition.stage >= stage:
            return None
        return self.p.register(function, t, self.p.delay(condition, stage - 1), name=name)

    def select(self, condition: Staged | None, yes: Staged, no: Staged, name: str) -> Staged:
        assert condition is not None
        return self.p.register(lambda c, y, n: Mux(c, y, n), condition, yes, no, name=name)

    def reset(self, v: Staged, fired: Staged | None) -> tuple[Staged, Staged | None]:
        """Membrane after this step's reset, and this step's spike."""
        reset = self.params.reset
        if not self.params.spiking:
            return v, None
        if self.params.spike_bits > 1:
            return self._divided(v)
        spike = self.compare(v, "spike")
        if reset is Reset.VALUE:
            return self.choose(spike, self.word("reset_value"), v), spike
        if reset is Reset.SUBTRACT:
            less = self.p.register(lambda v, t: v - t, v, self.word("threshold"), name="v_less")
            return self.choose(spike, less, v), spike
        if reset is Reset.TWO_STAGE_SUBTRACT:
            return self.choose(spike, self._other(v, fired), v, unless=fired), spike
        return v, spike

    def _other(self, v: Staged, fired: Staged | None) -> Staged:
        """What two-stage subtraction may change the membrane to: a threshold up where it fired, or down."""
        assert fired is not None
        flipped = self.ahead(_flipped, self.word("threshold"), fired, v.stage, "flipped")
        assert flipped is not None, "the threshold has been subtracted where it fired"

        def added(v: Value, t: Value, fired: Value) -> Value:
            # of the carry into the lowest bit, a bit of both summands below it
            return (Cat(~fired, v).as_signed() + Cat(~fired, t).as_signed())[1:].as_signed()

        return self.p.register(added, v, flipped, fired, name="v_other")

    def choose(self, spike: Staged, yes: Staged, no: Staged, *, unless: Staged | None = None) -> Staged:
        """`yes` where it spikes (xor `unless`), else `no`: saturated, but where it is to be clamped before.

        Saturating is a choice too, so both are one: behind the gates that find `yes` too large.
        """
        controls = (spike,) if unless is None else (spike, unless)
        if self.params.v_min is not None:
            return self.p.register(lambda y, n, *c: Mux(_xor(c), y, n), yes, no, *controls, name="v_reset")
        bits = self.params.state_bits
        kept = self.saturate(no, bits, "v_kept")
        if len(no.value) > bits or len(yes.value) > bits:
            self.overflows.append(lambda: self._chosen_overflow(controls, yes, no))
        return self.p.register(
            lambda y, n, *c: _saturated_choice(_xor(c), y, n, bits),
            yes,
            kept,
            *controls,
            name="v",
            shape=signed(bits),
        )

    def _chosen_overflow(self, controls: tuple[Staged, ...], yes: Staged, no: Staged) -> Staged:
        bits = self.params.state_bits
        kept = self.p.register(lambda n: ~fits(n, bits), no, name="kept_over")
        return self.p.register(
            lambda y, k, *c: Mux(_xor(c), ~fits(y, bits), k), yes, kept, *controls, name="v_over"
        )

    def _divided(self, v: Staged) -> tuple[Staged, Staged]:
        """Membrane less n thresholds, and n: restoring division, a quotient bit every two stages.

        A membrane of more thresholds than the quotient holds leaves all its bits 1 and keeps the rest.
        """
        threshold, shape = self.word("threshold"), v.value.shape()
        bits = []
        for bit in reversed(range(self.params.spike_bits)):
            rest = self.p.register(
                lambda v, t, bit=bit: v - t.shift_left(bit), v, threshold, name=f"rest_{bit}"
            )
            # thresholds are above 0: what is kept lies between 0 and the membrane
            v = self.p.register(lambda v, r: Mux(r[-1], v, r), v, rest, name=f"v_rest_{bit}", shape=shape)
            bits.insert(0, self.p.register(lambda r: ~r[-1], rest, name=f"spikes_{bit}"))
        spikes = self.p.register(lambda *b: Cat(*b), *bits, name="spikes")
        return v, spikes

    def new_membrane(self, v: Staged) -> Staged:
        """Saturated, or `v_min` where it is below: flags are registers, so the choice is a gate a bit.

        What is clamped cannot be too low.
        """
        bits = self.params.state_bits
        if self.params.v_min is None:
            return self.state(v, bits, "v")
        low = self.word("v_min")
        below = self.p.register(lambda v, low: (v - low)[-1], v, low, name="below")
        if len(v.value) <= bits:
            return self.select(below, low, v, "v")
        over = self.p.register(lambda v: ~v[-1] & v[bits - 1 :].any(), v, name="v_over")
        self.overflows.append(lambda: over)
        most = Const((1 << (bits - 1)) - 1, signed(bits))
        return self.p.register(
            lambda b, o, low, v: Mux(b, _extended(low, bits), Mux(o, most, v[:bits])),
            below,
            over,
            low,
            v,
            name="v",
            shape=signed(bits),
        )

    def state(self, x: Staged, bits: int, name: str) -> Staged:
        """A state, saturated; whoever counts that builds the flag."""
        if len(x.value) > bits:
            self.overflows.append(lambda: self.p.register(lambda x: ~fits(x, bits), x, name=f"{name}_over"))
        return self.saturate(x, bits, name)

    def saturate(self, x: Staged, bits: int, name: str) -> Staged:
        if len(x.value) <= bits:
            return x
        return self.p.register(lambda x: _saturated(x, bits), x, name=name, shape=signed(bits))

    def outputs(self, v: Staged, i: Staged | None, spike: Staged | None) -> NeuronOutputs:
        """Results aligned to one stage, with the tally of the readout."""
        tally = None
        if self.inputs.tally is not None:
            tally = self._tally(self.p.input(self.inputs.tally), v if spike is None else spike)
        stage = max(1, *(x.stage for x in (v, i, tally, spike) if x is not None))

        def held(x: Staged | None) -> Staged | None:
            return None if x is None else self.p.delay(x, stage)

        return NeuronOutputs(
            v=self.p.delay(v, stage),
            i=held(i),
            tally=held(tally),
            spike=held(spike),
            overflows=tuple(self.overflows),
        )

    def _tally(self, old: Staged, x: Staged) -> Staged:
        shape = old.value.shape()
        if shape.signed:
            return self.saturate(self.add(old, x, "tally_sum"), shape.width, "tally")
        if self.params.spike_bits == 1:
            return self.p.register(lambda t, s: t + (s & ~t.all()), old, x, name="tally", shape=shape)
        total = self.p.register(lambda t, s: t + s, old, x, name="tally_sum")
        return self.p.register(
            lambda x: x[: shape.width] | x[shape.width :].any().replicate(shape.width),
            total,
            name="tally",
            shape=shape,
        )


def _constant(value: PerNeuron | None) -> Value:
    assert isinstance(value, int)
    return Const(value, signed(bits_for_signed(value, value)))


def _masked(t: Value, condition: Value) -> Value:
    return Mux(condition, t, 0)


def _flipped(t: Value, condition: Value) -> Value:
    """`t`, or all its bits the other way where not `condition`."""
    return (t.as_unsigned() ^ (~condition).replicate(len(t))).as_signed()


def _xor(controls: tuple[Value, ...]) -> Value:
    return reduce(xor, controls)


def fits(x: Value, bits: int) -> Value:
    """Whether `x` is within `bits` signed bits: all bits above them equal its sign."""
    top = x[bits - 1 :]
    return top.all() | ~top.any()


def _saturated_choice(pick: Value, yes: Value, no: Value, bits: int) -> Value:
    """`yes`, or the limit on its side, where `pick`, else `no`: four inputs a bit."""
    sign = yes[-1]
    limited = pick & ~fits(yes, bits) if len(yes) > bits else Const(0)
    which = Mux(limited, sign, pick)
    limit = Cat((~which).replicate(bits - 1), which)
    return Mux(limited, limit, Mux(which, _extended(yes, bits), _extended(no, bits)))


def _extended(x: Value, bits: int) -> Value:
    """The low `bits` of a signed `x`."""
    return Cat(x, x[-1].replicate(max(0, bits - len(x))))[:bits]


def _saturated(x: Value, bits: int) -> Value:
    """`x` in `bits` signed bits, or the limit on its side."""
    sign = x[-1]
    limit = Cat((~sign).replicate(bits - 1), sign)
    return Mux(fits(x, bits), x[:bits], limit).as_signed()
