"""Sizes of a delay line, from the delays of its channels."""

from __future__ import annotations

from collections.abc import Sequence

from .neuron_params import bits_for_unsigned

__all__ = ["DelayShape"]

_PIPELINE_CYCLES = 16  # more than a word takes from the ring to the out stream


class DelayShape:
    """Sizes of a delay line: `slots` of `words` of `lanes` channels."""

    LANES = 16

    def __init__(self, delay_steps: Sequence[int], *, count_bits: int = 1) -> None:
        channels = len(delay_steps)
        self.slots = max(delay_steps) + 1
        self.lanes = min(self.LANES, 1 << (channels - 1).bit_length())
        self.words = -(-channels // self.lanes)
        self.word_bits = (self.words - 1).bit_length()
        self.tag_bits = bits_for_unsigned(self.slots)  # 2**tag_bits > slots
        self.count_bits = count_bits
        self.width = self.lanes * count_bits + self.tag_bits

    @property
    def depth(self) -> int:
        """Words of the ring."""
        return self.slots << self.word_bits

    @property
    def memory_bits(self) -> int:
        """Bits of the ring."""
        return self.depth * self.width

    @property
    def rest_cycles(self) -> int:
        """Cycles after a reset until the line is at rest: it empties all slots, then sends the first step."""
        return (self.slots + 1) * self.words + _PIPELINE_CYCLES
