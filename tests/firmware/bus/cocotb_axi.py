"""cocotb bench of an accelerator behind AXI: managers of cocotbext-axi, pauses on all channels."""

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from bus_host import BusHost, start, steady, through_registers
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import (  # pyright: ignore[reportMissingImports]
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)
from spikeloom.hw.link.register_map import MAGIC, Reg
from spikeloom.sim.bench.streams import PERIOD_NS, coin

LIMIT_CYCLES = 60_000


class AxiLite:
    """Registers through an AxiLiteMaster."""

    def __init__(self, dut):
        self.bus: Any = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.aclk)
        write, read = self.bus.write_if, self.bus.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
        for number, channel in enumerate(channels):
            channel.set_pause_generator(coin(0.3, f"channel {number}"))
        cocotb.start_soon(steady(dut.aclk, dut.s_axi_bvalid, dut.s_axi_bready, dut.s_axi_bresp))
        payload = (dut.s_axi_rdata, dut.s_axi_rresp)
        cocotb.start_soon(steady(dut.aclk, dut.s_axi_rvalid, dut.s_axi_rready, *payload))

    async def read(self, offset):
        back = await self.bus.read(offset, 4)
        assert back.resp in (AxiResp.OKAY, AxiResp.SLVERR)
        return int.from_bytes(back.data, "little"), back.resp == AxiResp.OKAY

    async def write(self, offset, value, size=4):
        back = await self.bus.write(offset, value.to_bytes(4, "little")[:size])
        assert back.resp in (AxiResp.OKAY, AxiResp.SLVERR)
        return back.resp == AxiResp.OKAY


class AxiStreams:
    """Tokens of samples through a source and a sink."""

    def __init__(self, dut):
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_events"), dut.aclk)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_out"), dut.aclk)
        self.source.set_pause_generator(coin(0.3, "source"))
        self.sink.set_pause_generator(coin(0.4, "sink"))
        self.bytes = len(dut.s_axis_events_tdata) // 8, len(dut.m_axis_out_tdata) // 8
        ports = (dut.m_axis_out_tvalid, dut.m_axis_out_tready, dut.m_axis_out_tdata, dut.m_axis_out_tlast)
        cocotb.start_soon(steady(dut.aclk, *ports))

    async def send(self, words):
        await self.source.send(b"".join(word.to_bytes(self.bytes[0], "little") for word in words))

    async def take(self):
        """Tokens up to the one with TLAST."""
        data = bytes((await with_timeout(self.sink.recv(), LIMIT_CYCLES * PERIOD_NS, "ns")).tdata)
        size = self.bytes[1]
        return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


async def interrupted(dut, host, streams, words):
    """A piece of a sample, forgotten while a token is on offer; how many tokens of it came all in all."""
    came = []
    cocotb.start_soon(record(dut, came))
    streams.sink.pause = True
    streams.sink.clear_pause_generator()
    await streams.send(words)
    while not (streams.source.idle() and (await host.status())["out_valid"]):
        await ClockCycles(dut.aclk, 20)
    await host.reset()
    assert (await host.status())["out_valid"], "an offer was withdrawn"
    streams.sink.pause = False
    await ClockCycles(dut.aclk, 200)
    assert not (await host.status())["out_valid"]
    return len(came)


async def record(dut, came):
    """Note every token that is handed over."""
    while True:
        await RisingEdge(dut.aclk)
        if int(dut.m_axis_out_tvalid.value) and int(dut.m_axis_out_tready.value):
            came.append(int(dut.m_axis_out_tdata.value))


@cocotb.test(timeout_time=20 * LIMIT_CYCLES * PERIOD_NS, timeout_unit="ns")
async def run_streams(dut):
    """Samples through the streams, all at once; one interrupted; the registers before and after."""
    folder = Path(os.environ["SPIKELOOM_JOB"])
    job = json.loads((folder / "job.json").read_text())
    streams, host = AxiStreams(dut), BusHost(AxiLite(dut))
    await start(dut.aclk, dut.aresetn, active=0)
    found: dict[str, Any] = {"facts": await host.facts(), "before": await host.counters()}
    if "slices" in job:
        await streams.send(job["samples"][0])
        await ClockCycles(dut.aclk, 100)
        assert not int(dut.s_axis_events_tready.value), "a token was taken before there was a name"
        await host.load(job["slices"])
    for sample in job["samples"]["slices" in job :]:
        await streams.send(sample)
    found["output"] = [await streams.take() for _ in job["samples"]]
    found["after"] = await host.counters()
    stale = await interrupted(dut, host, streams, job["piece"])
    await streams.send(job["samples"][0])
    found["again"] = [(await streams.take())[stale:]]
    assert not await host.master.write(Reg.EVENT, 0), "EVENT is there beside the streams"
    assert not (await host.master.read(Reg.OUT))[1], "OUT is there beside the streams"
    (folder / "result.json").write_text(json.dumps(found))


@cocotb.test(timeout_time=20 * LIMIT_CYCLES * PERIOD_NS, timeout_unit="ns")
async def run_registers(dut):
    """Samples through EVENT and OUT; before them, reads and writes at once."""
    master = AxiLite(dut)
    await through_registers(dut, master, dut.aclk, dut.aresetn, active=0)
    reads = [cocotb.start_soon(master.read(offset)) for offset in (Reg.MAGIC, Reg.EVENT) * 30]
    writes = [
        cocotb.start_soon(master.write(offset, 0)) for offset in (Reg.CONTROL, Reg.CONTROL, Reg.OUT) * 20
    ]
    assert [await task for task in reads] == [(MAGIC, True), (0, False)] * 30
    assert [await task for task in writes] == [True, True, False] * 20
