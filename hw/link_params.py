"""Parameters of a synaptic array and of the links that feed it."""

from __future__ import annotations

from dataclasses import dataclass

from .conv_params import ConvParams
from .delay_shape import DelayShape
from .kinds import WeightStore
from .neuron_params import bits_for_unsigned
from .neuron_params import check_range as _check_range

__all__ = ["INPUT", "MAX_DELAY_STEPS", "MAX_VALUE_BITS", "ArrayParams", "LinkParams"]

MAX_DELAY_STEPS = 255
"""Longest delay in time steps."""

MAX_VALUE_BITS = 8
"""Widest value of an input token."""

INPUT = -1
"""Source number of the accelerator's input stream."""


@dataclass(frozen=True, kw_only=True)
class ArrayParams:
    """One synaptic array.

    Attributes
    ----------
    sources, targets : int
        Fan-in and fan-out of the array.
    lanes : int
        Weights added a cycle, 1 .. targets.
    weight_bits : int
        1 .. 16; two's complement, but 1 bit is +1 (0) or -1 (1).
    acc_bits : int
        Signed width of an accumulator, proven never to overflow.
    max_delay : int
        Longest delay of a synapse in time steps, 0 .. 255. Above 0 a delay stands beside each weight.
    value_bits : int
        Width of the unsigned value that an event carries and its weights are multiplied by, 0 .. 8; 0: events
        carry none, and the array only adds.
    store : WeightStore
        Where the weights come from.
    """

    sources: int
    targets: int
    lanes: int
    weight_bits: int
    acc_bits: int
    max_delay: int = 0
    value_bits: int = 0
    store: WeightStore = WeightStore.INITIALISED

    def __post_init__(self) -> None:
        _check_range("Array sources", self.sources, 1, 1 << 24)
        _check_range("Array targets", self.targets, 1, 1 << 24)
        _check_range("Lanes", self.lanes, 1, self.targets)
        _check_range("Weight bits", self.weight_bits, 1, 16)
        _check_range("Accumulator bits", self.acc_bits, 1, 48)
        _check_range("Longest delay", self.max_delay, 0, MAX_DELAY_STEPS)
        _check_range("Value bits", self.value_bits, 0, MAX_VALUE_BITS)

    @property
    def delay_bits(self) -> int:
        """Width of the delay beside a weight; 0 without delays."""
        return bits_for_unsigned(self.max_delay) if self.max_delay else 0

    @property
    def delay_slots(self) -> int:
        """Steps that a lane's memory has accumulators for: a power of two above `max_delay`."""
        return 1 << self.delay_bits

    @property
    def lane_bits(self) -> int:
        """Width of a weight and its delay, the weight in the low bits."""
        return self.weight_bits + self.delay_bits

    @property
    def groups(self) -> int:
        """Cycles an event takes: ceil(targets / lanes)."""
        return -(-self.targets // self.lanes)

    @property
    def rows(self) -> int:
        """Words of the weight memory: group g of source s is word ``g * sources + s``.

        Group-major, so that an address is one addition for any number of groups.
        """
        return self.sources * self.groups

    @property
    def row_bits(self) -> int:
        """Width of a weight word; lane l is bits ``l * lane_bits`` upward."""
        return self.lanes * self.lane_bits

    @property
    def addend_bits(self) -> int:
        """Width of what a lane adds to its accumulator, signed: a weight, or a weight times a value."""
        weight_bits = max(2, self.weight_bits)
        return min(weight_bits + self.value_bits, self.acc_bits) if self.value_bits else weight_bits


@dataclass(frozen=True, kw_only=True)
class LinkParams:
    """Spikes of one source on their way into an array or to the output.

    Attributes
    ----------
    source : int
        Number of a core, or `INPUT`.
    channels : int
        How many channels of the source are taken, starting at `first`.
    recurrent : bool
        The spikes arrive one step later. Needed on one link of every cycle.
    conv : ConvParams or None
        The channels are the source map of a convolution; None: they are rows of a matrix.
    lists : tuple of int
        For a sparse matrix, how many words of lanes with a weight each channel has; only these are stored,
        each with its place among the accumulators. Empty: all words are.
    delay_steps : tuple of int
        Steps that each channel's spikes wait, beyond `recurrent`; empty: none does.
    count_bits : int
        With delays: a channel has at most ``2**count_bits - 1`` events in a step. 1 .. 8.
    """

    source: int
    channels: int
    first: int = 0
    recurrent: bool = False
    conv: ConvParams | None = None
    lists: tuple[int, ...] = ()
    delay_steps: tuple[int, ...] = ()
    count_bits: int = 1

    def __post_init__(self) -> None:
        _check_range("Link source", self.source, INPUT, 1 << 16)
        _check_range("Link channels", self.channels, 1, 1 << 24)
        _check_range("First channel of a link", self.first, 0, (1 << 24) - 1)
        if self.source == INPUT and self.recurrent:
            raise ValueError("A link from the input cannot be recurrent")
        if self.conv is not None and self.conv.sources != self.channels:
            raise ValueError(
                f"A link of {self.channels} channels cannot be a convolution of {self.conv.sources} sources"
            )
        self._check_lists()
        if self.delay_steps and len(self.delay_steps) != self.channels:
            raise ValueError(
                f"Delays of a link must be {self.channels}, one a channel, not {len(self.delay_steps)}"
            )
        _check_range("Event count bits of a link", self.count_bits, 1, 8)
        for delay in self.delay_steps:
            _check_range("Delay steps", delay, 0, MAX_DELAY_STEPS)

    def _check_lists(self) -> None:
        if not self.lists:
            return
        if self.conv is not None:
            raise ValueError("A link cannot be both a convolution and row lists")
        if len(self.lists) != self.channels:
            raise ValueError(
                f"Row lists of a link must be {self.channels}, one a channel, not {len(self.lists)}"
            )
        for count in self.lists:
            _check_range("Words of a row list", count, 0, 1 << 24)
        _check_range("Words of the row lists of a link", sum(self.lists), 1, 1 << 24)

    @property
    def line(self) -> DelayShape | None:
        """Sizes of the link's delay line."""
        return DelayShape(self.delay_steps, count_bits=self.count_bits) if self.delay_steps else None
