"""Bytes to and from the blocks of the link, with random gaps."""

from __future__ import annotations

import random

from spikeloom.firmware.host.frames import FrameReader, encode_frame

from ..drivers import Bench, coin

__all__ = ["LineBench", "say"]


async def say(ctx, port, data, *, gap=None):
    """Strobe bytes into a `byte_strobe`; True from `gap` waits a cycle."""
    for byte in data:
        while gap is not None and next(gap):
            await ctx.tick()
        ctx.set(port.data, byte)
        ctx.set(port.valid, 1)
        await ctx.tick()
        ctx.set(port.valid, 0)


class LineBench(Bench):
    """A component with `line_i` and `line_o`, and the frames that it sent (`heard`)."""

    def __init__(self, component, *, seed=0, clocks=None):
        super().__init__(component, clocks=clocks)
        self.rng = random.Random(f"line {seed}")
        self.reader = FrameReader()
        self.heard = []

    async def listen(self, ctx):
        """Background: take what the component sends, now and then."""
        line = self.component.line_o
        while True:
            ready = self.rng.random() < 0.7
            ctx.set(line.ready, ready)
            _, _, valid, byte = await ctx.tick().sample(line.valid, line.payload)
            if valid and ready:
                self.heard += self.reader.frames(bytes([byte]))

    async def talk(self, ctx, *lines, wait=400):
        """Send frames or raw bytes; what comes back within `wait` cycles of silence."""
        gap = coin(0.3, self.rng.random())
        for line in lines:
            await say(
                ctx, self.component.line_i, line if isinstance(line, bytes) else encode_frame(line), gap=gap
            )
        seen = -1
        while seen != len(self.heard):
            seen = len(self.heard)
            await ctx.tick().repeat(wait)
        answers, self.heard = self.heard, []
        return answers
