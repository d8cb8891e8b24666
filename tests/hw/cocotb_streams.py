"""cocotb bench of a block between two streams: payloads in, payloads out, both sides waiting at random."""

import json
import os
from pathlib import Path

import cocotb
from cocotb.triggers import ClockCycles, with_timeout
from spikeloom.sim.bench.streams import PERIOD_NS, Stream, coin, get, put, reset

LIMIT_CYCLES = 20_000
DRAIN_CYCLES = 40


@cocotb.test()
async def carry(dut):
    """Send ``payloads`` into stream ``input``; take ``count`` from ``output``, and nothing follows."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    source, sink = Stream(dut, job["input"]), Stream(dut, job["output"])
    await reset(dut, source, outputs=[sink])
    cocotb.start_soon(put(source, job["payloads"], gap=coin(job["gap"], "gap")))
    left = iter(range(job["count"] - 1, -1, -1))
    taking = get(sink, done=lambda _: next(left) == 0, stall=coin(job["stall"], "stall"))
    found = await with_timeout(taking, LIMIT_CYCLES * PERIOD_NS, "ns")
    sink.ready.value = 1
    await ClockCycles(dut.clk, DRAIN_CYCLES)
    assert not int(sink.valid.value), "a token after the last one"
    (folder / "result.json").write_text(json.dumps(found))
