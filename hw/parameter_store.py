"""Per-neuron parameters: a word a group, in step with the state store."""

from __future__ import annotations

from functools import reduce
from math import lcm
from operator import and_

from amaranth import Module, Mux, Signal, Value, signed, unsigned
from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .loaded_memory import LoadedMemory, LoadedShape
from .params import NeuronParams, bits_for_signed, bits_for_unsigned
from .staged import held

__all__ = ["ParameterStore", "parameter_fields", "parameter_layout", "parameter_rows", "parameter_shape"]


def parameter_fields(params: NeuronParams) -> dict[str, tuple[Shape, tuple[int, ...]]]:
    """Fields that differ between neurons: name -> shape and values.

    Names are those of `NeuronParams`; decay factors are `synapse_factor` and `membrane_factor`. Where they
    are loaded, a field is as wide as any of its kind may be: as the state, or as a factor of 1.
    """
    fields: dict[str, tuple[Shape, tuple[int, ...]]] = {}
    for name in ("threshold", "reset_value", "bias", "leak", "v_min"):
        value = getattr(params, name)
        if isinstance(value, tuple):
            least = params.state_bits if params.loaded_period else 1
            fields[name] = (signed(max(least, bits_for_signed(min(value), max(value)))), value)
    for name in ("synapse", "membrane"):
        decay = getattr(params, name)
        if decay is not None and isinstance(decay.factor, tuple):
            most = 1 << decay.frac_bits if params.loaded_period else max(decay.factor)
            fields[f"{name}_factor"] = (unsigned(bits_for_unsigned(most)), decay.factor)
    return fields


def parameter_shape(params: NeuronParams, *, lanes: int) -> LoadedShape | None:
    """Geometry of the loaded parameter memory; None: there is none."""
    if not params.loaded_period or not parameter_fields(params):
        return None
    groups = -(-params.neurons // lanes)
    rows = min(groups, lcm(params.loaded_period, lanes) // lanes)
    return LoadedShape(name="parameters", rows=rows, bits=parameter_layout(params, lanes=lanes).size)


def parameter_layout(params: NeuronParams, *, lanes: int) -> data.ArrayLayout:
    """Word of `lanes` neurons: an array over lanes of a struct over `parameter_fields`."""
    fields = {name: shape for name, (shape, _) in parameter_fields(params).items()}
    return data.ArrayLayout(data.StructLayout(fields), lanes)


def parameter_rows(params: NeuronParams, *, lanes: int) -> list[int]:
    """Words of all groups, up to where they repeat, or may repeat where they are loaded."""
    fields = parameter_fields(params).values()
    rows = []
    for first in range(0, params.neurons, lanes):
        row = shift = 0
        for neuron in range(first, first + lanes):
            for shape, values in fields:
                value = values[neuron] if neuron < len(values) else 0
                row |= (value & ((1 << shape.width) - 1)) << shift
                shift += shape.width
        rows.append(row)
    loaded = parameter_shape(params, lanes=lanes)
    return rows[: _period(rows) if loaded is None else loaded.rows]


class ParameterStore(wiring.Component):
    """Memory of `parameter_fields` for `lanes` neurons a word; `words` follows `group` by `READ_CYCLES`.

    `words` is an array over lanes of a struct over fields; neurons beyond the population are zero. With
    `strobe`, `group` counts up by one from 0 to the one with `final`: words that repeat, such as a filter's
    all over its map, are stored once. Where the parameters are loaded, `loaded` is the memory, which the load
    bus drives; else it is None.
    """

    READ_CYCLES = 2  # the memory's own register, and one behind a block RAM or before LUTs
    LUT_ROWS = 48  # so few words are LUTs on every family

    strobe: Signal
    final: Signal
    group: Signal
    words: data.View

    def __init__(self, params: NeuronParams, *, lanes: int):
        self.fields = parameter_fields(params)
        self.groups = -(-params.neurons // lanes)
        self.layout = parameter_layout(params, lanes=lanes)
        self.rows = parameter_rows(params, lanes=lanes)
        shape = parameter_shape(params, lanes=lanes)
        self.loaded = None if shape is None else LoadedMemory(self.rows, shape)
        super().__init__(
            {
                "strobe": In(1),
                "final": In(1),
                "group": In(bits_for_unsigned(self.groups - 1)),
                "words": Out(self.layout),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if self.loaded is not None:
            m.submodules.memory = self.loaded
            m.d.comb += [
                self.loaded.address.eq(self._address(m, self.loaded.shape.rows)),
                self.words.as_value().eq(self.loaded.word),
            ]
            return m
        period = len(self.rows)
        m.submodules.memory = memory = Memory(
            shape=unsigned(self.layout.size), depth=max(2, period), init=self.rows
        )
        read = memory.read_port()
        address, words = self._address(m, period), read.data
        if period > self.LUT_ROWS:
            words = held(m, words, 1, "fetched", init=self.ones.as_bits())
        else:
            address = held(m, address, 1, "address")
        m.d.comb += [read.addr.eq(address), self.words.as_value().eq(words)]
        return m

    @property
    def ones(self) -> data.Const:
        """Bits that are 1 in every word: registers behind the memory that start so are none to synthesis."""
        always = 0 if self.loaded is not None else reduce(and_, self.rows)
        return self.layout.from_bits(always)

    def _address(self, m: Module, period: int) -> Value:
        """Group within its period."""
        if period == self.groups:
            return self.group
        if period & (period - 1) == 0:
            return self.group[: period.bit_length() - 1]
        place, turn = Signal(range(period)), Signal()  # of this group; whether it is the last of its period
        ends = self.final | turn
        with m.If(self.strobe):
            m.d.sync += [place.eq(Mux(ends, 0, place + 1)), turn.eq(~ends & (place == period - 2))]
        return place


def _period(rows: list[int]) -> int:
    """Smallest number of rows after which they repeat to the end."""
    return next(n for n in range(1, len(rows) + 1) if rows[n:] == rows[:-n])


assert ParameterStore.READ_CYCLES == LoadedMemory.READ_CYCLES
