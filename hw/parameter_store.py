"""Per-neuron parameters: a read-only word a group, in step with the state store."""

from __future__ import annotations

from amaranth import Module, Mux, Signal, Value, signed, unsigned
from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .params import NeuronParams, bits_for_signed, bits_for_unsigned

__all__ = ["ParameterStore", "parameter_fields"]


def parameter_fields(params: NeuronParams) -> dict[str, tuple[Shape, tuple[int, ...]]]:
    """Fields that differ between neurons: name -> shape and values.

    Names are those of `NeuronParams`; decay factors are `synapse_factor` and `membrane_factor`.
    """
    fields: dict[str, tuple[Shape, tuple[int, ...]]] = {}
    for name in ("threshold", "reset_value", "bias", "leak", "v_min"):
        value = getattr(params, name)
        if isinstance(value, tuple):
            fields[name] = (signed(bits_for_signed(min(value), max(value))), value)
    for name in ("synapse", "membrane"):
        decay = getattr(params, name)
        if decay is not None and isinstance(decay.factor, tuple):
            fields[f"{name}_factor"] = (unsigned(bits_for_unsigned(max(decay.factor))), decay.factor)
    return fields


class ParameterStore(wiring.Component):
    """ROM of `parameter_fields` for `lanes` neurons a word; `words` follows `group` by two cycles.

    `words` is an array over lanes of a struct over fields; neurons beyond the population are zero. `group`
    counts up by one a cycle from 0: words that repeat, such as a filter's all over its map, are stored once.
    """

    group: Signal
    words: data.View

    def __init__(self, params: NeuronParams, *, lanes: int):
        self.fields = parameter_fields(params)
        self.groups = -(-params.neurons // lanes)
        self.layout = data.ArrayLayout(
            data.StructLayout({k: shape for k, (shape, _) in self.fields.items()}), lanes
        )
        self.lanes = lanes
        super().__init__({"group": In(bits_for_unsigned(self.groups - 1)), "words": Out(self.layout)})

    def elaborate(self, platform):
        m = Module()
        rows = self._rows()
        period = _period(rows)
        m.submodules.memory = memory = Memory(
            shape=unsigned(self.layout.size), depth=max(2, period), init=rows[:period]
        )
        read = memory.read_port()
        m.d.comb += read.addr.eq(self._address(m, period))
        words = Signal(self.layout.size, reset_less=True)
        m.d.sync += words.eq(read.data)
        m.d.comb += self.words.as_value().eq(words)
        return m

    def _address(self, m: Module, period: int) -> Value:
        """Group within its period."""
        if period == self.groups:
            return self.group
        if period & (period - 1) == 0:
            return self.group[: period.bit_length() - 1]
        following = Signal(range(period))
        address = Mux(self.group == 0, 0, following)
        m.d.sync += following.eq(Mux(address == period - 1, 0, address + 1))
        return address

    def _rows(self) -> list[int]:
        rows = []
        for first in range(0, self.groups * self.lanes, self.lanes):
            row = shift = 0
            for neuron in range(first, first + self.lanes):
                for shape, values in self.fields.values():
                    value = values[neuron] if neuron < len(values) else 0
                    row |= (value & ((1 << shape.width) - 1)) << shift
                    shift += shape.width
            rows.append(row)
        return rows


def _period(rows: list[int]) -> int:
    """Smallest number of rows after which they repeat to the end."""
    return next(n for n in range(1, len(rows) + 1) if rows[n:] == rows[:-n])
