"""Self-test: plays a stored sample into an accelerator, forever, and checks what comes out.

Both streams are seen as plain words: only the two top bits, `tick` and `last`, mean anything here, so
every accelerator fits, whatever its readout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .fifo import Fifo
from .kinds import WeightStore
from .params import bits_for_unsigned
from .weight_memory import WeightMemory

__all__ = [
    "SIGNATURE_BITS",
    "SelfTest",
    "SelfTestParams",
    "SignatureChecker",
    "TokenPlayer",
    "output_signature",
]

SIGNATURE_BITS = 32
_POLYNOMIAL = 0x04C11DB7  # of CRC-32: primitive, so single errors never cancel
_SEED = 0xFFFFFFFF
_MASK = (1 << SIGNATURE_BITS) - 1


def output_signature(words: Iterable[int]) -> int:
    """Return the signature of one sample's output words: a Galois LFSR that each word is added into.

    A word wider than the register is folded into it in pieces of `SIGNATURE_BITS`. A word with `tick`
    has nothing below it.
    """
    signature = _SEED
    for word in words:
        folded = 0
        while word:
            folded ^= word & _MASK
            word >>= SIGNATURE_BITS
        feedback = _POLYNOMIAL if signature >> (SIGNATURE_BITS - 1) else 0
        signature = (signature << 1 & _MASK) ^ feedback ^ folded
    return signature


@dataclass(frozen=True, kw_only=True)
class SelfTestParams:
    """What is played and what is expected.

    Attributes
    ----------
    tokens : tuple of int
        Payloads of the input stream for one whole sample, in order; the final one has `last`.
    signature : int
        `output_signature` of the expected output words.
    timeout_cycles : int
        A sample that takes longer than this failed.
    """

    tokens: tuple[int, ...]
    signature: int
    timeout_cycles: int = 1 << 24

    def __post_init__(self) -> None:
        if not self.tokens:
            raise ValueError("Self-test needs at least one token")
        if not 0 <= self.signature <= _MASK:
            raise ValueError(f"Self-test signature must be between 0 and {_MASK}, not {self.signature}")
        if self.timeout_cycles < 1:
            raise ValueError(f"Self-test timeout must be at least 1 cycle, not {self.timeout_cycles}")


class TokenPlayer(wiring.Component):
    """Sends `tokens` over and over, one a cycle.

    Streams
    -------
    out : out, words of `width` bits

    Ports
    -----
    start : in, nothing is sent before it is high
    """

    out: Any
    start: Signal

    _DEPTH = 16

    def __init__(self, tokens: Sequence[int], *, width: int):
        if any(not 0 <= token < 1 << width for token in tokens):
            raise ValueError(f"Self-test tokens must fit in {width} bits")
        self.tokens = tuple(tokens)
        self.width = width
        start: Any = In(1, init=1)  # pyright: ignore[reportCallIssue]
        super().__init__({"out": Out(stream.Signature(unsigned(width))), "start": start})

    def elaborate(self, platform):
        m = Module()
        # One word that is never played: the complement of the first, so that no bit of the memory is
        # constant and synthesis cannot remove what depends on it from the accelerator.
        rows = [*self.tokens, self.tokens[0] ^ ((1 << self.width) - 1)]
        # In block RAM even if it is small: as LUTs, its multiplexers would limit the clock.
        late = WeightMemory.late_cycles(len(rows), self.width, WeightStore.INITIALISED)
        m.submodules.rom = rom = WeightMemory(
            rows, count=len(rows), row_bits=self.width, late=late, block_ram=True
        )
        m.submodules.fifo = fifo = Fifo(width=self.width, depth=self._DEPTH)

        # Every stage is a register, so that the player never limits the clock of what it tests.
        room, taken = Signal(), Signal()
        held = Signal(range(self._DEPTH + 1))  # tokens on their way or in the FIFO, two cycles ago
        address = Signal(range(len(self.tokens)))
        m.d.comb += rom.address.eq(address)
        m.d.sync += [
            taken.eq(fifo.r_rdy & fifo.r_en),
            held.eq(held + room - taken),
            room.eq(self.start & (held < self._DEPTH - 2)),
        ]
        fetched = room
        for cycle in range(WeightMemory.READ_CYCLES + late):
            register = Signal(name=f"fetched_{cycle}")
            m.d.sync += register.eq(fetched)
            fetched = register
        end = Signal(init=len(self.tokens) == 1)  # the address is that of the last token
        with m.If(room):
            m.d.sync += [
                address.eq(Mux(end, 0, address + 1)),
                end.eq(address == len(self.tokens) - 2 if len(self.tokens) > 1 else 1),
            ]
        m.d.comb += [
            fifo.w_data.eq(rom.row),
            fifo.w_en.eq(fetched),
            self.out.payload.eq(fifo.r_data),
            self.out.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.out.ready),
        ]
        return m


class SignatureChecker(wiring.Component):
    """Compares the signature of every sample with the expected one.

    Streams
    -------
    i : in, words of `width` bits; not ready in one cycle after each sample

    Ports
    -----
    passed : out, a sample was right and none was wrong
    failed : out, a sample was wrong or took more than `timeout_cycles`; stays
    """

    i: Any
    passed: Signal
    failed: Signal

    def __init__(self, *, width: int, expected: int, timeout_cycles: int):
        self.width = width
        self.expected = expected
        self.timeout_cycles = timeout_cycles
        super().__init__({"i": In(stream.Signature(unsigned(width))), "passed": Out(1), "failed": Out(1)})

    def elaborate(self, platform):
        m = Module()
        valid, done = Signal(), Signal()
        word = Signal(self.width)
        signature = Signal(SIGNATURE_BITS, init=_SEED)
        waited = Signal(bits_for_unsigned(self.timeout_cycles))
        right, wrong, late = Signal(), Signal(), Signal()

        # Not always ready, or synthesis would remove the accelerator's back-pressure: a cycle off a sample.
        ready = Signal(init=1)  # not `done`, from a register of its own: the way into the accelerator is long
        m.d.comb += self.i.ready.eq(ready)
        tick = self.i.payload[-2]  # nothing but its `last` means anything then
        m.d.sync += [
            valid.eq(self.i.valid & self.i.ready),
            word.eq(Cat(self.i.payload[:-2] & ~tick.replicate(self.width - 2), self.i.payload[-2:])),
            done.eq(valid & word[-2:].all()),
            ready.eq(~(valid & word[-2:].all())),
        ]
        with m.If(done | valid):
            # `done` and a word of the next sample can meet: that word starts from the seed.
            begin = Mux(done, Const(_SEED, SIGNATURE_BITS), signature)
            m.d.sync += signature.eq(Mux(valid, _next_signature(begin, word), _SEED))

        m.d.sync += [
            right.eq(done & (signature == self.expected)),
            wrong.eq(done & (signature != self.expected)),
            late.eq(waited == self.timeout_cycles),
            waited.eq(Mux(done, 0, waited + 1)),
        ]
        with m.If(wrong | late):
            m.d.sync += [self.failed.eq(1), self.passed.eq(0)]
        with m.Elif(right & ~self.failed):
            m.d.sync += self.passed.eq(1)
        return m


def _next_signature(signature: Value, word: Value) -> Value:
    folded = Const(0, SIGNATURE_BITS)
    for at in range(0, len(word), SIGNATURE_BITS):
        folded = folded ^ word[at : at + SIGNATURE_BITS]
    feedback = Mux(signature[-1], Const(_POLYNOMIAL, SIGNATURE_BITS), 0)
    return Cat(Const(0, 1), signature[:-1]) ^ feedback ^ folded


class SelfTest(wiring.Component):
    """An accelerator between a `TokenPlayer` and a `SignatureChecker`.

    Parameters
    ----------
    accelerator : Component
        Has an input stream `events` and an output stream `out`; the two top bits of both payloads are
        `tick` and `last`.
    params : SelfTestParams

    Ports
    -----
    start : in, see `TokenPlayer`
    passed, failed : out, see `SignatureChecker`
    """

    start: Signal
    passed: Signal
    failed: Signal

    def __init__(self, accelerator: Any, params: SelfTestParams):
        self.accelerator = accelerator
        self.params = params
        start: Any = In(1, init=1)  # pyright: ignore[reportCallIssue]
        super().__init__({"start": start, "passed": Out(1), "failed": Out(1)})

    def elaborate(self, platform):
        m = Module()
        events, out = self.accelerator.events, self.accelerator.out
        m.submodules.accelerator = self.accelerator
        m.submodules.player = player = TokenPlayer(self.params.tokens, width=len(Value.cast(events.payload)))
        m.submodules.checker = checker = SignatureChecker(
            width=len(Value.cast(out.payload)),
            expected=self.params.signature,
            timeout_cycles=self.params.timeout_cycles,
        )
        m.d.comb += [
            player.start.eq(self.start),
            Value.cast(events.payload).eq(player.out.payload),
            events.valid.eq(player.out.valid),
            player.out.ready.eq(events.ready),
            checker.i.payload.eq(Value.cast(out.payload)),
            checker.i.valid.eq(out.valid),
            out.ready.eq(checker.i.ready),
            self.passed.eq(checker.passed),
            self.failed.eq(checker.failed),
        ]
        return m
