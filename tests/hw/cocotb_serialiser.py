"""cocotb bench of the serialiser: sweeps when there is room, tokens out with stalls."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import with_timeout
from spikeloom.sim.bench.streams import PERIOD_NS, Stream, coin, get, reset

LIMIT_CYCLES = 20_000
PORTS = ("strobe", "group", "mask", "final", "last", "values")


@cocotb.test()
async def send(dut):
    """Put the job's ``sweeps`` (groups of port values) in; take ``count`` tokens."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    sink = Stream(dut, "out")
    drive(dut, {"start": 0, "strobe": 0})
    await reset(dut, outputs=[sink])
    cocotb.start_soon(sweep(dut, job["sweeps"]))
    left = iter(range(job["count"] - 1, -1, -1))
    taking = get(sink, done=lambda _: next(left) == 0, stall=coin(job["stall"], "stall"))
    found = await with_timeout(taking, LIMIT_CYCLES * PERIOD_NS, "ns")
    (folder / "result.json").write_text(json.dumps(found))


async def sweep(dut, sweeps):
    """Begin a sweep when `ready`, as the core does it."""
    for groups in sweeps:
        await dut.clk.rising_edge
        while not int(dut.ready.value):
            await dut.clk.rising_edge
        for ports in ({"start": 1}, {"start": 0}, *groups, {"strobe": 0}):
            drive(dut, ports)
            await dut.clk.rising_edge


def drive(dut, ports):
    """Set ports by name."""
    for name, value in ports.items():
        getattr(dut, name).value = value
