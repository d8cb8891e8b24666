"""cocotb bench of a board behind the pins of its UART: the host's own code, bit by bit on RX and TX."""

import json
import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.queue import Queue
from cocotb.task import bridge, resume
from cocotb.triggers import Event, First, Timer
from cocotb.utils import get_sim_time
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.session import LinkOptions
from spikeloom.gen.build_dir import read_build
from spikeloom.sim.bench.streams import reset

OPTIONS = LinkOptions(timeout_s=0.002, tries=20)


class PinPort:
    """Port whose bytes are levels of ``rx`` and ``tx``; time passes only while it is read.

    Driven and looked at by a clock of the host's own, without a phase in common with the board's.
    """

    name = "the pins"

    def __init__(self, dut, *, bit_ps):
        self.dut, self.bit_ps = dut, bit_ps
        self.time_s = 0.0
        self.unsent, self.received = bytearray(), bytearray()
        self.sent, self.came = Queue(), Event()
        self.framing_errors = 0
        dut.rx.value = 1

    def start(self):
        """Put both pins to work."""
        cocotb.start_soon(self._drive())
        cocotb.start_soon(self._listen())

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
        for byte in self.unsent:
            self.sent.put_nowait(byte)
        self.unsent.clear()
        if not self.received:
            self.came.clear()
            await First(Timer(round(timeout_s * 1e9), "ns"), self.came.wait())
        self.time_s = get_sim_time("ns") * 1e-9
        data = bytes(self.received)
        self.received.clear()
        return data

    async def _drive(self):
        rx = self.dut.rx
        while True:
            byte = await self.sent.get()
            for level in (0, *(byte >> bit & 1 for bit in range(8)), 1):
                rx.value = level
                await Timer(self.bit_ps, "ps")

    async def _listen(self):
        tx = self.dut.tx
        while True:
            await tx.falling_edge
            await Timer(3 * self.bit_ps // 2, "ps")
            byte = 0
            for bit in range(8):
                byte |= int(tx.value) << bit
                await Timer(self.bit_ps, "ps")
            if not int(tx.value):
                self.framing_errors += 1
                continue
            self.received.append(byte)
            if not byte:  # a frame ended: before that there is nothing for the host to do
                self.came.set()


@cocotb.test()
async def run_host(dut):
    """Run the job's samples as `spikeloom run` does, then step by step; leave what came back."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    build = read_build(job["build"])
    x = np.load(folder / "x.npy")
    port = PinPort(dut, bit_ps=job["bit_ps"])
    await reset(dut)
    port.start()

    @bridge
    def host():
        with BoardLink(port, build, options=OPTIONS) as board:
            output = board.run(x)
            for step, counts in enumerate(x[0]):
                board.send_step(counts, last=step == len(x[0]) - 1)
            again = board.read(len(x[0]))
            return output, again, board.counters(), board.statistics

    output, again, counters, statistics = await host()
    np.savez(folder / "result.npz", output=output, again=again)
    seen = {"counters": counters, "sent_again": statistics.sent_again, "polls": statistics.polls}
    (folder / "result.json").write_text(json.dumps({**seen, "framing_errors": port.framing_errors}))
