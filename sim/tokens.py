"""Samples to token streams and back: what crosses the two ports of an accelerator.

The formats are those of ``docs/verification.md``. All of it is vectorised over samples and steps;
nothing here knows which engine moves the tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..gen.neuron_order import in_user_order, output_order
from ..hw.params import AcceleratorParams, ReadoutKind, bits_for_unsigned
from .faults import ProtocolFault

__all__ = [
    "TokenFormat",
    "Tokens",
    "bit_field",
    "events_format",
    "input_tokens",
    "out_format",
    "read_output",
    "sign_extend",
]

_WORD_BITS = 64


@dataclass(frozen=True, kw_only=True)
class TokenFormat:
    """Fields of a stream's payload, from bit 0: index, value, tick, last.

    Attributes
    ----------
    indices : int
        Number of distinct indices: input channels or output neurons.
    value_bits : int
        Width of the value (0: none).
    signed : bool
        Whether the value is two's complement.
    most : int
        How often an index may come in a step (graded spikes).
    order : ndarray or None
        What a user calls each index, where that differs: neurons of a map are sent channels-last.
    """

    indices: int
    value_bits: int = 0
    signed: bool = False
    most: int = 1
    order: np.ndarray | None = field(default=None, compare=False)

    @property
    def index_bits(self) -> int:
        """Width of the index."""
        return bits_for_unsigned(self.indices - 1)

    @property
    def tick_bit(self) -> int:
        """Position of the tick flag; `last` is the bit above it."""
        return self.index_bits + self.value_bits

    @property
    def payload_bits(self) -> int:
        """Width of the payload."""
        return self.tick_bit + 2

    @property
    def words(self) -> int:
        """64-bit words that hold a payload."""
        return -(-self.payload_bits // _WORD_BITS)


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The payloads of several samples, one after the other.

    Attributes
    ----------
    words : ndarray
        (tokens, words) uint64, least significant word first.
    offsets : ndarray
        (samples + 1,) int64: sample s is ``words[offsets[s] : offsets[s + 1]]``.
    """

    words: np.ndarray
    offsets: np.ndarray

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.offsets) - 1


def events_format(params: AcceleratorParams) -> TokenFormat:
    """Return the format of the input stream of an accelerator."""
    return TokenFormat(indices=params.channels, value_bits=params.input_value_bits)


def out_format(params: AcceleratorParams) -> TokenFormat:
    """Return the format of the output stream of an accelerator."""
    most = 1
    if params.readout is ReadoutKind.SPIKES:
        most = max(params.cores[output].neuron.spike_max for output in params.output_cores)
    return TokenFormat(
        indices=params.output_neurons,
        value_bits=params.output_value_bits,
        signed=params.readout is ReadoutKind.MEMBRANE,
        most=most,
        order=output_order(params),
    )


def input_tokens(x: np.ndarray, form: TokenFormat, *, order_seed: int | None = None) -> Tokens:
    """Turn spike counts into the tokens of the input stream.

    Parameters
    ----------
    x : ndarray
        (samples, steps, channels) uint8; a count of n is n events, or one of value n where `form` has values.
    form : TokenFormat
        Format of the stream; ``form.indices`` channels.
    order_seed : int, optional
        Shuffle the events of every step with this seed. Default: ascending index.

    Raises
    ------
    ValueError
        The shape or a value of `x` does not fit `form`.
    """
    if x.ndim != 3 or x.shape[2] != form.indices or not x.shape[1]:
        raise ValueError(f"Input must be (samples, steps, {form.indices}) with a step or more, not {x.shape}")
    samples, steps, channels = x.shape
    cell = np.flatnonzero(x)
    count = x.reshape(-1)[cell]
    if not form.value_bits:
        cell, count = np.repeat(cell, count), np.zeros(count.sum(dtype=np.int64), np.uint8)
    elif x.size and int(x.max()) >> form.value_bits:
        raise ValueError(f"Input values must fit in {form.value_bits} bits, not {x.max()}")
    row, channel = np.divmod(cell, channels)
    events = channel.astype(np.uint64) | count.astype(np.uint64) << np.uint64(form.index_bits)
    if order_seed is not None:
        order = np.lexsort((np.random.default_rng(order_seed).random(len(row)), row))
        events = events[order]
    rows = samples * steps
    # Row r has r ticks before it, so its events shift by r and its own tick closes it.
    ticks = np.cumsum(np.bincount(row, minlength=rows)) + np.arange(rows)
    words = np.empty((len(row) + rows, 1), np.uint64)
    words[np.arange(len(row)) + row, 0] = events
    words[ticks, 0] = 1 << form.tick_bit
    words[ticks[steps - 1 :: steps], 0] |= np.uint64(1 << (form.tick_bit + 1))
    return Tokens(words=words, offsets=np.concatenate(([0], ticks[steps - 1 :: steps] + 1)))


def read_output(
    tokens: Tokens, form: TokenFormat, readout: ReadoutKind, *, steps: int, first_sample: int = 0
) -> np.ndarray:
    """Read the output stream of several samples, checking its protocol.

    Parameters
    ----------
    tokens, form, readout
        The stream, its format and what it carries.
    steps : int
        Time steps of a sample.
    first_sample : int
        What error messages call the first sample.

    Returns
    -------
    ndarray
        SPIKES: uint8 (samples, steps, neurons), counts. MEMBRANE: int64 (samples, steps, neurons).
        COUNTS: int64 (samples, neurons). CLASS: int64 (samples,).

    Raises
    ------
    ProtocolFault
        An index that is out of range, repeated too often or out of order, a token too many or too few, a
        missing or early tick or last; names the first sample and step where it is so.
    """
    each_step = readout in (ReadoutKind.SPIKES, ReadoutKind.MEMBRANE)
    stream = _Stream(tokens, form, ticks=steps if each_step else 1, first_sample=first_sample)
    stream.check_ticks()
    if readout is ReadoutKind.SPIKES:
        stream.check_ascending(form.most)
        return in_user_order(stream.spikes(), form.order)
    if readout is ReadoutKind.CLASS:
        stream.check_ascending()
        stream.check_count(1)
        return stream.index if form.order is None else form.order[stream.index]
    stream.check_count(form.indices)
    stream.check_ascending()
    values = in_user_order(stream.value.reshape(tokens.samples, -1, form.indices), form.order)
    return values if readout is ReadoutKind.MEMBRANE else values[:, 0]


class _Stream:
    """The fields of every token that is not a tick, with the sample and step it belongs to."""

    def __init__(self, tokens: Tokens, form: TokenFormat, *, ticks: int, first_sample: int) -> None:
        self.ticks, self.samples, self.indices = ticks, tokens.samples, form.indices
        self.first_sample = first_sample
        sample = np.repeat(np.arange(tokens.samples), np.diff(tokens.offsets))
        self.tick = bit_field(tokens.words, form.tick_bit, 1).astype(bool)
        self.last = bit_field(tokens.words, form.tick_bit + 1, 1).astype(bool)
        before = np.cumsum(self.tick) - self.tick
        first = np.minimum(tokens.offsets[:-1], max(0, len(before) - 1))
        base = before[first] if len(before) else np.zeros(tokens.samples, np.int64)
        self.all_sample, self.all_step = sample, before - base[sample]
        events = ~self.tick
        self.sample, self.step = sample[events], self.all_step[events]
        self.index = bit_field(tokens.words, 0, form.index_bits)[events].astype(np.int64)
        value = bit_field(tokens.words, form.index_bits, form.value_bits)[events]
        self.value = sign_extend(value, form.value_bits) if form.signed else value.astype(np.int64)

    def check_ticks(self) -> None:
        """Exactly `ticks` ticks a sample, `last` on the final one and nowhere else."""
        everywhere = (self.all_sample, self.all_step)
        self._none(self.all_step >= self.ticks, *everywhere, "a token after the final tick")
        final = self.tick & (self.all_step == self.ticks - 1)
        self._none(self.last & ~final, *everywhere, "last before the final tick")
        self._none(final & ~self.last, *everywhere, "the final tick without last")
        found = np.bincount(self.all_sample[self.tick], minlength=self.samples)
        self._none(found != self.ticks, np.arange(self.samples), found, "no tick")

    def spikes(self) -> np.ndarray:
        """Events of each neuron and step, uint8 (samples, steps, neurons)."""
        shape = (self.samples, self.ticks, self.indices)
        cells = np.ravel_multi_index((self.sample, self.step, self.index), shape)
        spikes = np.zeros(shape, np.uint8)
        np.add.at(spikes.reshape(-1), cells, 1)
        return spikes

    def check_ascending(self, most: int = 1) -> None:
        """Indices in range, and ascending within a step, each up to `most` times."""
        place = (self.sample, self.step)
        self._none(self.index >= self.indices, *place, f"an index outside 0..{self.indices - 1}", self.index)
        wrong = np.zeros(len(self.index), bool)
        for back, least in {1: 0 if most > 1 else 1, most: 1}.items():
            same = (self.sample[back:] == self.sample[:-back]) & (self.step[back:] == self.step[:-back])
            wrong[back:] |= same & (self.index[back:] - self.index[:-back] < least)
        self._none(wrong, *place, "an index that does not ascend", self.index)

    def check_count(self, expected: int) -> None:
        """Exactly `expected` tokens a step."""
        found = np.bincount(self.sample * self.ticks + self.step, minlength=self.samples * self.ticks)
        sample, step = np.divmod(np.arange(len(found)), self.ticks)
        self._none(found != expected, sample, step, f"not {expected} tokens", found)

    def _none(
        self,
        wrong: np.ndarray,
        sample: np.ndarray,
        step: np.ndarray,
        what: str,
        value: np.ndarray | None = None,
    ) -> None:
        for at in np.flatnonzero(wrong)[:1]:
            which = "" if value is None else f": {value[at]}"
            place = f"out, sample {self.first_sample + sample[at]}, step {step[at]}"
            raise ProtocolFault(f"{place}: {what}{which}")


def bit_field(words: np.ndarray, start: int, bits: int) -> np.ndarray:
    """Return bits ``start .. start + bits - 1`` (at most 64) of every row of `words`, as uint64."""
    if not bits:
        return np.zeros(len(words), np.uint64)
    word, shift = divmod(start, _WORD_BITS)
    value = words[:, word] >> np.uint64(shift)
    if shift + bits > _WORD_BITS:
        value = value | (words[:, word + 1] << np.uint64(_WORD_BITS - shift))
    return value if bits == _WORD_BITS else value & np.uint64((1 << bits) - 1)


def sign_extend(value: np.ndarray, bits: int) -> np.ndarray:
    """Read uint64 values as two's complement numbers of `bits` bits."""
    spare = _WORD_BITS - bits
    return (value << np.uint64(spare)).view(np.int64) >> np.int64(spare)
