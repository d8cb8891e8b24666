"""The UART: bytes through a pin, noise, missing stop bits, clocks that differ."""

import random

import pytest
from amaranth import Elaboratable, Module, Signal
from spikeloom.hw.link.uart import UartReceiver, UartTransmitter

from ..drivers import Bench, coin


class Wire(Elaboratable):
    """A transmitter on a receiver."""

    def __init__(self, bit_cycles):
        self.tx, self.rx = UartTransmitter(bit_cycles=bit_cycles), UartReceiver(bit_cycles=bit_cycles)

    def elaborate(self, platform):
        m = Module()
        m.submodules.tx, m.submodules.rx = self.tx, self.rx
        m.d.comb += self.rx.rx.eq(self.tx.tx)
        return m


def received(bench, receiver):
    got, errors = [], []
    watches = [
        bench.watch(receiver.o.valid, [receiver.o.data], lambda row: got.append(row[1])),
        bench.watch(receiver.framing_error, [Signal()], lambda row: errors.append(row[0])),
    ]
    return got, errors, watches


@pytest.mark.parametrize("bit_cycles", [4, 5, 7, 8, 9, 25])
@pytest.mark.parametrize("gap", [0, 0.9])
def test_bytes_pass(bit_cycles, gap):
    sent = random.Random(bit_cycles).randbytes(12) + b"\0\xff\x55"
    wire = Wire(bit_cycles)
    bench = Bench(wire)
    got, errors, watches = received(bench, wire.rx)
    taken = []

    async def send(ctx):
        await bench.put(ctx, wire.tx.i, sent, gap=coin(gap, 1), taken=taken)
        await ctx.tick().repeat(12 * bit_cycles)

    bench.run(send, background=watches, limit_cycles=60_000)
    assert (bytes(got), errors) == (sent, [])
    if not gap:
        assert taken[-1] - taken[0] == 10 * bit_cycles * (len(sent) - 1)  # no pause between bytes


def drive(bit_cycles, levels):
    """Receiver of a pin that takes each (level, cycles) in turn."""
    receiver = UartReceiver(bit_cycles=bit_cycles)
    bench = Bench(receiver)
    got, errors, watches = received(bench, receiver)

    async def pin(ctx):
        late = 0.0
        for level, cycles in [(1, 5), *levels, (1, 3 * bit_cycles)]:
            ctx.set(receiver.rx, level)
            late += cycles
            await ctx.tick().repeat(int(late))
            late -= int(late)

    bench.run(pin, background=watches)
    return bytes(got), len(errors)


def byte_levels(byte, bit_time, stop=1):
    bits = [0, *(byte >> k & 1 for k in range(8)), stop]
    return [(bit, bit_time) for bit in bits]


@pytest.mark.parametrize("error", [-0.03, 0.03])
def test_clocks_may_differ(error):
    data = b"\0\xff\xa5\x01\x80"
    bit_time = 16 * (1 + error)
    assert drive(16, [level for byte in data for level in byte_levels(byte, bit_time)]) == (data, 0)


@pytest.mark.parametrize("bit_cycles", [4, 16])
def test_a_short_pulse_is_no_start(bit_cycles):
    noise = [(0, bit_cycles // 4), (1, 2 * bit_cycles)]
    assert drive(bit_cycles, noise + byte_levels(0x5A, bit_cycles)) == (b"\x5a", 0)


def test_a_pulse_inside_a_bit_is_outvoted():
    levels = byte_levels(0, 16)
    levels[3:4] = [(0, 7), (1, 1), (0, 8)]
    assert drive(16, levels) == (b"\0", 0)


def test_a_byte_without_a_stop_bit_is_an_error():
    levels = [*byte_levels(0x5A, 8, stop=0), (0, 100), (1, 20), *byte_levels(0xC3, 8)]
    assert drive(8, levels) == (b"\xc3", 1)
