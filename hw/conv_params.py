"""Geometry of an event-driven convolution: which outputs an input spike touches, and with which weight.

Pooling before the convolution is part of the geometry: a spike at coordinate c is one at ``c // pool`` of the
pooled map. A sum pool without weights is a convolution of ones with a group a channel; a matrix behind a
pooled and flattened map is one whose kernel covers the whole map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

__all__ = ["AxisParams", "ConvParams", "Tap", "common_lanes"]

Tap = tuple[int, int]
"""(output coordinate, kernel index)."""


def _check(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"Convolution {what} must be between {low} and {high}, not {value}")


@dataclass(frozen=True, kw_only=True)
class AxisParams:
    """One spatial axis.

    Attributes
    ----------
    size : int
        Coordinates of the source.
    outputs : int
        Coordinates of the target.
    kernel, stride, dilation : int
    padding : int
        Zeros before the first (pooled) coordinate. How many follow the last shows in `outputs`.
    pool : int
        Window and stride of the sum pool before the convolution; 1: none. A window that would reach beyond
        the last coordinate does not exist, and its coordinates touch nothing.
    """

    size: int
    outputs: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    pool: int = 1

    def __post_init__(self) -> None:
        for name in ("size", "outputs", "kernel", "stride", "dilation", "pool"):
            _check(name, getattr(self, name), 1, 1 << 16)
        _check("padding", self.padding, 0, 1 << 16)
        _check("pool", self.pool, 1, self.size)

    @property
    def pooled(self) -> int:
        """Coordinates after the pool."""
        return self.size // self.pool

    @property
    def tap_step(self) -> Tap:
        """From one tap to the next: how far the output grows, and how far the kernel index falls."""
        common = gcd(self.stride, self.dilation)
        return self.dilation // common, self.stride // common

    def taps(self, coordinate: int) -> tuple[Tap, ...]:
        """Outputs that a spike touches, ascending, each with its kernel index (descending).

        ``output * stride + kernel index * dilation = coordinate // pool + padding``; so from one tap to the
        next the output grows by ``dilation / g`` and the index falls by ``stride / g``, g their greatest
        common divisor.
        """
        if coordinate // self.pool >= self.pooled:
            return ()
        reach = coordinate // self.pool + self.padding
        first = max(0, -(-(reach - (self.kernel - 1) * self.dilation) // self.stride))
        last = min(self.outputs - 1, reach // self.stride)
        found = []
        for output in range(first, last + 1):
            index, rest = divmod(reach - output * self.stride, self.dilation)
            if not rest:
                found.append((output, index))
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class ConvParams:
    """A convolution from a source of shape (channels, rows.size, columns.size).

    The target has the shape (filters, rows.outputs, columns.outputs); one-dimensional convolutions have a
    single row. The kernel has the shape (filters, channels // groups, rows.kernel, columns.kernel); filter f
    sees the channels of group ``f // (filters // groups)``.
    """

    channels: int
    filters: int
    rows: AxisParams
    columns: AxisParams
    groups: int = 1

    def __post_init__(self) -> None:
        _check("channels", self.channels, 1, 1 << 16)
        _check("filters", self.filters, 1, 1 << 24)
        _check("groups", self.groups, 1, self.channels)
        if self.channels % self.groups or self.filters % self.groups:
            raise ValueError(
                f"Convolution groups must divide {self.channels} channels and {self.filters} filters,"
                f" not {self.groups}"
            )
        for what, size in (("source", self.sources), ("target", self.targets)):
            _check(f"{what} size", size, 1, 1 << 24)

    @property
    def source_shape(self) -> tuple[int, int, int]:
        """(channels, rows, columns)."""
        return (self.channels, self.rows.size, self.columns.size)

    @property
    def target_shape(self) -> tuple[int, int, int]:
        """(filters, rows, columns)."""
        return (self.filters, self.rows.outputs, self.columns.outputs)

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weights."""
        return (self.filters, self.channels // self.groups, self.rows.kernel, self.columns.kernel)

    @property
    def sources(self) -> int:
        """Number of source channels times positions."""
        return self.channels * self.rows.size * self.columns.size

    @property
    def targets(self) -> int:
        """Number of target neurons."""
        return self.filters * self.positions

    @property
    def positions(self) -> int:
        """Positions of the target map."""
        return self.rows.outputs * self.columns.outputs

    @property
    def group_filters(self) -> int:
        """Filters of a group."""
        return self.filters // self.groups

    def check_lanes(self, lanes: int, weight_bits: int) -> None:
        """A word of lanes must hold part of a group's filters, or whole groups.

        Raises
        ------
        ValueError
            `lanes` is neither; with weights of one bit, which cannot be 0, it must be part of a group.
        """
        whole = weight_bits > 1 and lanes % self.group_filters == 0 and self.filters % lanes == 0
        if self.group_filters % lanes and not whole:
            raise ValueError(
                f"Lanes of a convolution must divide the {self.group_filters} filters of a group"
                + (f" or be whole groups of its {self.filters} filters" if weight_bits > 1 else "")
                + f", not {lanes}"
            )

    def tap_rows(self, lanes: int) -> int:
        """Weight words, and accumulator words, that an event adds at each output position."""
        return max(1, self.group_filters // lanes)

    def weight_rows(self, lanes: int) -> int:
        """Words of the weight memory, in the order (channel, kernel row, kernel column, word)."""
        return self.channels * self.rows.kernel * self.columns.kernel * self.tap_rows(lanes)

    def first_word(self, channel: int, lanes: int) -> int:
        """First accumulator word, of those at a position, that a channel adds to."""
        return channel // (self.channels // self.groups) * self.group_filters // lanes


def common_lanes(convolutions: Sequence[ConvParams], *, most: int, weight_bits: int) -> int:
    """Most lanes, up to `most`, that every one of some convolutions can have; a single lane always fits."""

    def fits(lanes: int) -> bool:
        try:
            for conv in convolutions:
                conv.check_lanes(lanes, weight_bits)
        except ValueError:
            return False
        return True

    return next(lanes for lanes in range(min(most, convolutions[0].filters), 0, -1) if fits(lanes))
