"""cocotb bench of a board behind the pins of its SPI target: the host's code, cocotbext-spi's controller."""

import json
import os
from pathlib import Path

import cocotb
import cocotb.clock
import numpy as np
from cocotb.task import bridge, resume
from cocotb.types import Logic
from cocotb.utils import get_sim_time
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.session import LinkOptions
from spikeloom.gen.build_dir import read_build
from spikeloom.sim.bench.streams import reset


class _BaseClock:
    def __init__(self, signal):
        self.signal = signal


# What cocotb 1 had under these names, and the controller of cocotbext-spi 0.5 still uses.
if not hasattr(cocotb.clock, "BaseClock"):
    cocotb.clock.BaseClock = _BaseClock  # pyright: ignore[reportAttributeAccessIssue]
if not hasattr(Logic, "integer"):
    Logic.integer = property(int)  # pyright: ignore[reportAttributeAccessIssue]

from cocotbext.spi import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    SpiBus,
    SpiConfig,
    SpiMaster,
)

OPTIONS = LinkOptions(timeout_s=0.002, tries=20)
CHUNK_BYTES = 64


class SpiPort:
    """Port that clocks bytes through a controller; zeros while there is nothing to send."""

    name = "the pins"

    def __init__(self, dut, *, sck_hz):
        self.dut = dut
        bus = SpiBus(dut, sclk_name="sck", mosi_name="mosi", miso_name="miso", cs_name="cs_n")
        self.master = SpiMaster(bus, SpiConfig(sclk_freq=sck_hz, frame_spacing_ns=20, data_output_idle=0))
        self.time_s = 0.0
        self.unsent = bytearray()

    def now(self):
        return self.time_s

    def write(self, data):
        self.unsent += data

    def read(self, timeout_s):
        return self._read(timeout_s)

    def close(self):
        pass

    @resume
    async def _read(self, timeout_s):
        end = self.time_s + timeout_s
        while True:
            data = bytes(self.unsent) or bytes(CHUNK_BYTES if int(self.dut.irq.value) else 4)
            self.unsent.clear()
            await self.master.write(data, burst=True)
            came = bytes(self.master.read_nowait())
            self.time_s = get_sim_time("ns") * 1e-9
            if came.strip(b"\0") or self.time_s >= end:
                return came


@cocotb.test()
async def run_host(dut):
    """Run the job's samples as `spikeloom run` does; leave what came back."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    build = read_build(job["build"])
    x = np.load(folder / "x.npy")
    port = SpiPort(dut, sck_hz=job["sck_hz"])
    await reset(dut)

    @bridge
    def host():
        with BoardLink(port, build, options=OPTIONS) as board:
            return board.run(x), board.counters(), board.statistics

    output, counters, statistics = await host()
    np.savez(folder / "result.npz", output=output)
    seen = {"counters": counters, "sent_again": statistics.sent_again, "polls": statistics.polls}
    (folder / "result.json").write_text(json.dumps({**seen, "bad_frames": statistics.bad_frames}))
