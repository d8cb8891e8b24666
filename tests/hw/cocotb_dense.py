"""cocotb bench of the dense array: events in with gaps, sweeps out while the neurons are not always ready."""

import json
import os
from pathlib import Path

import cocotb
from spikeloom.sim.bench.streams import Stream, coin, put, reset

DRAIN_CYCLES = 400
FIELDS = ("group", "accs", "zero", "final", "last")


@cocotb.test()
async def sweep(dut):
    """Record every swept group of the job's ``payloads``."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    source = Stream(dut, "events")
    dut.sweep_ready.value = 0
    await reset(dut, source)
    records = []
    cocotb.start_soon(watch(dut, records, coin(0.6, "ready")))
    await put(source, job["payloads"], gap=coin(job["gap"], "gap"))
    for _ in range(DRAIN_CYCLES):
        await dut.clk.rising_edge
    (folder / "result.json").write_text(json.dumps(records))


async def watch(dut, records, busy):
    """Draw `sweep_ready` in every cycle, and record the sweep."""
    while True:
        await dut.clk.rising_edge
        if int(dut.sweep__strobe.value):
            records.append([int(getattr(dut, f"sweep__{name}").value) for name in FIELDS])
        dut.sweep_ready.value = not next(busy)
