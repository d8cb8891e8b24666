"""What a processor does with the registers of an accelerator, over whatever master a bench has."""

import json
import os
from pathlib import Path
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from spikeloom.hw.link.register_map import (
    ACCELERATOR_COUNTERS,
    ADDRESS_BITS,
    BUILD_ID_WORDS,
    CONTROL_RESET,
    EVENT_TOKENS,
    OUT_VALID,
    STATUS,
    WIDTHS,
    Reg,
    out_words,
)
from spikeloom.sim.bench.streams import PERIOD_NS

TRIES = 100_000


def fields(word, layout):
    """Values of a register by the names of its fields."""
    found = {}
    for name, bits in layout.items():
        found[name], word = word & ((1 << bits) - 1), word >> bits
    return found


async def start(clock, reset, *, active):
    """Start the clock, and hold the reset for some of its cycles."""
    reset.value = active
    Clock(clock, PERIOD_NS, "ns").start()
    await ClockCycles(clock, 4)
    reset.value = 1 - active
    await ClockCycles(clock, 1)


async def steady(clock, valid, ready, *payload):
    """An offer of the device is never withdrawn and never changes, and nothing of it is undefined."""
    waiting = None
    while True:
        await RisingEdge(clock)
        now = [int(port.value) for port in payload] if int(valid.value) else None
        assert waiting is None or now == waiting, f"{valid._name}: an offer that waited was changed"
        waiting = None if int(ready.value) else now


class BusHost:
    """Registers over a master, which has ``read(offset)`` and ``write(offset, value, strobe)``.

    Both give whether the device carried it out; `read` the word before that.
    """

    def __init__(self, master):
        self.master = master
        self.room = 0
        self.out_words = 1

    async def get(self, offset):
        word, good = await self.master.read(offset)
        assert good, f"register {offset:#x} cannot be read"
        return word

    async def put(self, offset, value):
        assert await self.master.write(offset, value), f"register {offset:#x} cannot be written"

    async def facts(self):
        """Everything that never changes."""
        widths = fields(await self.get(Reg.WIDTHS), WIDTHS)
        self.out_words = out_words(widths["out_bits"])
        build_id = [await self.get(Reg.BUILD_ID + at) for at in range(0, 16, 4)]
        return {
            "magic": await self.get(Reg.MAGIC),
            "version": await self.get(Reg.VERSION),
            "clock_hz": await self.get(Reg.CLOCK_HZ),
            "build_id": b"".join(word.to_bytes(4, "little") for word in build_id).hex(),
            **widths,
        }

    async def status(self):
        return fields(await self.get(Reg.STATUS), STATUS)

    async def counters(self):
        return {name: await self.get(Reg.COUNTERS + 4 * at) for at, name in enumerate(ACCELERATOR_COUNTERS)}

    async def reset(self):
        await self.put(Reg.CONTROL, CONTROL_RESET)
        self.room = 0

    async def send(self, word):
        """Write a token if there is room; whether there was."""
        if not self.room:
            self.room = (await self.status())["event_room"]
        if self.room:
            self.room -= 1
            await self.put(Reg.EVENT, word)
            return True
        return False

    async def take(self):
        """Read a token; None: there was none."""
        words = [await self.get(Reg.OUT + 4 * at) for at in range(self.out_words)]
        if not words[-1] & OUT_VALID:
            return None
        return sum(word << 32 * at for at, word in enumerate(words)) ^ OUT_VALID << 32 * (len(words) - 1)

    async def run(self, words, last_bit):
        """Tokens of a sample through the registers, and what comes back."""
        found, sent = [], 0
        for _ in range(TRIES):
            while sent < len(words) and await self.send(words[sent]):
                sent += 1
            while (word := await self.take()) is not None:
                found.append(word)
                if word >> last_bit & 1:
                    assert sent == len(words), "the output ended before its input"
                    return found
        raise AssertionError(f"no end of a sample; {sent} of {len(words)} tokens were sent")

    async def load(self, slices):
        """Write all memories, read them back, give them a name."""
        for number, words in enumerate(slices):
            await self.put(Reg.MEMORY_PLACE, number)
            await self.put(Reg.MEMORY_ROW, 0)
            for word in words:
                await self.put(Reg.MEMORY_DATA, word)
        for number, words in enumerate(slices):
            await self.put(Reg.MEMORY_PLACE, number)
            await self.put(Reg.MEMORY_ROW, 0)
            assert [await self.get(Reg.MEMORY_DATA) for _ in words] == words
            assert not (await self.master.read(Reg.MEMORY_DATA))[1], "a slice behind the memory"
        assert not (await self.status())["loaded"]
        await self.put(Reg.CONTENTS, 0x01234567)
        await self.put(Reg.CONTENTS_HIGH, 0x89ABCDEF)
        assert (await self.status())["loaded"]
        assert await self.get(Reg.CONTENTS) == 0x01234567
        assert await self.get(Reg.CONTENTS_HIGH) == 0x89ABCDEF


async def refused(master, loads, words):
    """What is no register, or of the other direction, or less than a word, is an error and does nothing."""
    counters = {Reg.COUNTERS + 4 * at for at in range(len(ACCELERATOR_COUNTERS))}
    identity = {Reg.BUILD_ID + 4 * at for at in range(BUILD_ID_WORDS)}
    outs = {Reg.OUT + 4 * at for at in range(words)}
    readable = {Reg.MAGIC, Reg.VERSION, Reg.CLOCK_HZ, Reg.WIDTHS, Reg.STATUS, *outs, *counters, *identity}
    writable = {Reg.CONTROL, Reg.EVENT, Reg.SCRATCH}
    readable.add(Reg.SCRATCH)
    if loads:
        both = {Reg.MEMORY_PLACE, Reg.MEMORY_ROW, Reg.MEMORY_DATA, Reg.CONTENTS, Reg.CONTENTS_HIGH}
        readable |= {*both, Reg.MEMORY_ROWS, Reg.MEMORY_BITS}
        writable |= both
    for offset in range(0, 1 << ADDRESS_BITS, 4):
        word, good = await master.read(offset)
        assert good == (offset in readable), f"reading {offset:#x}"
        assert good or not word, f"reading {offset:#x} gave {word:#x} with an error"
        if offset not in writable:
            assert not await master.write(offset, 0xFFFFFFFF), f"writing {offset:#x}"
    for offset in sorted(writable):
        assert not await master.write(offset, 0xFFFF, size=2), f"writing half of {offset:#x}"


async def through_registers(dut, master, clock, reset, *, active):
    """Samples through EVENT and OUT, one of them interrupted; loaded before where the job says what."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    host = BusHost(master)
    await start(clock, reset, active=active)
    found: dict[str, Any] = {"facts": await host.facts()}
    await refused(master, "slices" in job, host.out_words)
    found["before"] = await host.counters()
    if "slices" in job:
        assert not (await host.status())["event_room"]
        assert not await master.write(Reg.EVENT, 0), "a token was taken before there was a name"
        await host.load(job["slices"])
    found["output"] = [await host.run(sample, job["last_bit"]) for sample in job["samples"]]
    found["after"] = await host.counters()
    for word in job["piece"]:
        while not await host.send(word):
            pass
    await host.reset()
    assert await host.status() == {"out_valid": 0, "loaded": 1, "reserved": 0, "event_room": EVENT_TOKENS}
    assert not int(dut.irq.value)
    found["again"] = [await host.run(job["samples"][0], job["last_bit"])]
    await host.send(job["samples"][0][0])
    reset.value = active
    await ClockCycles(clock, 2)
    reset.value = 1 - active
    await ClockCycles(clock, 1)
    host.room = 0
    assert (await host.status())["loaded"], "a reset of the design took the name away"
    assert (await host.counters())["event_words"] == 0
    found["restarted"] = [await host.run(job["samples"][0], job["last_bit"])]
    (folder / "result.json").write_text(json.dumps(found))
