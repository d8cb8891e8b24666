"""cocotb bench of an accelerator behind Wishbone: the master of cocotbext-wishbone, and the rules of B4."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import cocotb
from bus_host import start, through_registers
from cocotb.triggers import ClockCycles, RisingEdge, Timer
from cocotbext.wishbone.driver import (  # pyright: ignore[reportMissingImports]
    WBOp,
    WishboneMaster,
)
from spikeloom.sim.bench.streams import PERIOD_NS, coin

LIMIT_NS = 1_000_000 * PERIOD_NS
ACK, ERR = 1, 2
SIGNALS = {
    "cyc": "cyc_i",
    "stb": "stb_i",
    "we": "we_i",
    "adr": "adr_i",
    "datwr": "dat_i",
    "datrd": "dat_o",
    "sel": "sel_i",
    "ack": "ack_o",
    "err": "err_o",
}


class Wishbone:
    """Registers through a WishboneMaster, which pauses before some of its requests."""

    def __init__(self, dut, *, pipelined):
        signals = {**SIGNALS, "stall": "stall_o"} if pipelined else SIGNALS
        self.bus = WishboneMaster(dut, "wb", dut.wb_clk_i, timeout=100, signals_dict=signals)
        self.pause = coin(0.3, "pause")
        cocotb.start_soon(rules(dut))

    async def read(self, offset):
        (back,) = await self.bus.send_cycle([WBOp(offset, idle=next(self.pause))])
        assert back.ack in (ACK, ERR)
        return int(back.datrd), back.ack == ACK

    async def write(self, offset, value, size=4):
        operation = WBOp(offset, value, idle=next(self.pause), sel=(1 << size) - 1)
        (back,) = await self.bus.send_cycle([operation])
        assert back.ack in (ACK, ERR)
        return back.ack == ACK


async def rules(dut):
    """An answer comes to a request only, one to each, and is never both; STALL until it comes."""
    await ClockCycles(dut.wb_clk_i, 2)  # until the reset has taken effect
    while True:
        await RisingEdge(dut.wb_clk_i)
        requested = int(dut.wb_cyc_i.value) and int(dut.wb_stb_i.value)
        answers = int(dut.wb_ack_o.value) + int(dut.wb_err_o.value)
        assert answers <= bool(requested), "ACK or ERR without a request, or both"
        assert not requested or int(dut.wb_stall_o.value) == (not answers)


async def begin(dut, *, pipelined):
    """A master on a bus at rest."""
    for name in ("cyc", "stb", "we", "adr", "dat", "sel"):
        getattr(dut, f"wb_{name}_i").value = 0
    await Timer(1, "ns")  # Icarus loses what a master sets at once, at time 0
    return Wishbone(dut, pipelined=pipelined)


async def run(dut, *, pipelined):
    master = await begin(dut, pipelined=pipelined)
    await through_registers(dut, master, dut.wb_clk_i, dut.wb_rst_i, active=1)


@cocotb.test(timeout_time=LIMIT_NS, timeout_unit="ns")
async def run_classic(dut):
    """A master that does not know STALL."""
    await run(dut, pipelined=False)


@cocotb.test(timeout_time=LIMIT_NS, timeout_unit="ns")
async def run_pipelined(dut):
    """A master that takes STALL for what holds its request."""
    await run(dut, pipelined=True)


@cocotb.test(timeout_time=LIMIT_NS, timeout_unit="ns")
async def run_driver(dut):
    """What the C driver of the job's command asks for; what it says goes into the result."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    master = await begin(dut, pipelined=False)
    await start(dut.wb_clk_i, dut.wb_rst_i, active=1)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    said = []
    with subprocess.Popen(job["command"], text=True, **pipes) as process:
        driver: Any = process
        for line in driver.stdout:
            kind, *words = line.split()
            if kind == "=":
                said.append(words)
            elif kind == "w":
                assert await master.write(*map(int, words)), f"the driver was refused: {line}"
            else:
                word, good = await master.read(int(words[0]))
                assert good, f"the driver was refused: {line}"
                print(word, file=driver.stdin, flush=True)
        trouble = driver.stderr.read()
    found = {"said": said, "code": driver.returncode, "trouble": trouble}
    (folder / "result.json").write_text(json.dumps(found))
