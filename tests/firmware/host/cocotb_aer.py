"""cocotb bench of an accelerator between two AER ports: a sensor and a receiver without a clock."""

import json
import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import Timer
from spikeloom.sim.bench.streams import PERIOD_NS, reset

MAX_DELAY_NS = 7 * PERIOD_NS


@cocotb.test()
async def run_sensor(dut):
    """Send the events of the samples, and the end of each step as a pulse; leave what came out."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    x = np.load(folder / "x.npy")
    rng = random.Random("sensor")
    received, broken = [], []
    dut.in_req.value = dut.step.value = dut.out_ack.value = dut.in_address.value = 0

    async def wait(least_ps=1):
        await Timer(rng.randint(least_ps, MAX_DELAY_NS * 1000), "ps")

    def must(fine, what):
        if not fine:
            broken.append(what)

    async def event(address):
        must(not int(dut.in_ack.value), "ack before req")
        dut.in_address.value = address
        await wait()
        dut.in_req.value = 1
        await dut.in_ack.rising_edge
        dut.in_address.value = rng.getrandbits(len(dut.in_address))
        await wait()
        must(int(dut.in_ack.value), "ack went before req")
        dut.in_req.value = 0
        await dut.in_ack.falling_edge

    async def receive():
        while True:
            if not int(dut.out_req.value):
                await dut.out_req.rising_edge
            address = int(dut.out_address.value)
            await wait()
            must(int(dut.out_req.value) and int(dut.out_address.value) == address, "address moved under req")
            dut.out_ack.value = 1
            await dut.out_req.falling_edge
            await wait()
            must(not int(dut.out_req.value), "req before ack was down")
            must(int(dut.out_address.value) == address, "address moved under ack")
            dut.out_ack.value = 0
            received.append(address)

    await reset(dut)
    cocotb.start_soon(receive())
    for sample in x:
        for counts in sample:
            events = [index for index, count in enumerate(counts.tolist()) for _ in range(count)]
            rng.shuffle(events)
            for address in events:
                await event(address)
            dut.step.value = 1
            await wait(2100 * PERIOD_NS)
            dut.step.value = 0
            await wait(2100 * PERIOD_NS)
    for _ in range(1000):
        if sum(word >> job["tick_bit"] == 3 for word in received) == len(x):
            break
        await Timer(100 * PERIOD_NS, "ns")
    await Timer(100 * PERIOD_NS, "ns")
    np.savez(folder / "result.npz", received=np.array(received, np.int64))
    flags = {name: int(getattr(dut, name).value) for name in ("overrun", "stray")}
    (folder / "result.json").write_text(json.dumps({**flags, "broken": broken}))
