"""Endpoint: tokens and commands between a reliable link and an accelerator's two streams."""

from __future__ import annotations

from typing import Any

from amaranth import Module, ResetInserter, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..load_bus import load_signature
from .commands import Commands
from .counters import COUNTER_BITS, count, stream_steps
from .params import HostLinkParams
from .reliable import ReliableLink
from .words import BytesToWords, WordsToBytes

__all__ = ["LinkEndpoint"]


class LinkEndpoint(wiring.Component):
    """The host's line on one side, the accelerator on the other.

    A new session, and the command RESET, reset the accelerator; the counters run on.

    Parameters
    ----------
    params : HostLinkParams
    event_bits, out_bits : int
        Width of the accelerator's payloads; the two top bits of both are `tick` and `last`.
    crossed : bool
        The accelerator has a clock of its own (`hw.clocked_accelerator.ClockedAccelerator`).

    Streams
    -------
    line_i : in, `byte_strobe`
    line_o : out, stream of bytes
    events : out, words for the accelerator
    out : in, its answers

    Ports
    -----
    line_error : in, for a cycle: the line saw what is no byte
    reset : out, of the accelerator
    load : out, with loaded memories, its load bus. Until they are loaded, tokens are refused
    cycles, saturations : in, counters of the accelerator (`counters.own_counters`)
    fetch, finished : with `crossed` and `load`, `fetch` and `done` of the bus
    """

    line_i: Any
    line_o: Any
    events: Any
    out: Any
    line_error: Signal
    reset: Signal
    load: Any
    cycles: Signal
    saturations: Signal
    fetch: Signal
    finished: Signal

    def __init__(self, params: HostLinkParams, *, event_bits: int, out_bits: int, crossed: bool = False):
        self.params = params
        self.crossed = crossed
        self.event_bits, self.out_bits = event_bits, out_bits
        self.link = ReliableLink(window=params.window)
        load: dict[str, Any] = {"load": Out(load_signature(params.memories))} if params.memories else {}
        if crossed and params.memories:
            load |= {"fetch": Out(1), "finished": In(1)}
        super().__init__(
            {
                **load,
                "line_i": self.link.signature.members["line_i"],
                "line_o": self.link.signature.members["line_o"],
                "events": Out(stream.Signature(unsigned(event_bits))),
                "out": In(stream.Signature(unsigned(out_bits))),
                "line_error": In(1),
                "cycles": In(COUNTER_BITS),
                "saturations": In(COUNTER_BITS),
                "reset": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = self.link
        identity = self.params.identity(event_bits=self.event_bits, out_bits=self.out_bits)
        commands = Commands(identity=identity, shapes=self.params.memories, crossed=self.crossed)
        collected = WordsToBytes(width=self.out_bits)
        words = BytesToWords(width=self.event_bits)
        fresh = ResetInserter(link.opened)
        m.submodules.commands = fresh(commands)
        m.submodules.collected = fresh(collected)
        m.submodules.words = ResetInserter(self.reset)(words)
        wiring.connect(m, wiring.flipped(self.line_i), link.line_i)
        wiring.connect(m, link.line_o, wiring.flipped(self.line_o))
        wiring.connect(m, words.o, wiring.flipped(self.events))
        # In the cycle of its reset the accelerator may still offer what the reset is to forget.
        m.d.comb += [
            collected.i.payload.eq(self.out.payload),
            collected.i.valid.eq(self.out.valid & ~self.reset),
            self.out.ready.eq(collected.i.ready & ~self.reset),
        ]
        m.d.sync += self.reset.eq(link.opened | commands.reset)
        if commands.memories is not None:
            wiring.connect(m, commands.memories.bus, wiring.flipped(self.load))
            if self.crossed:
                m.d.comb += [
                    self.fetch.eq(commands.memories.fetch),
                    commands.memories.finished.eq(self.finished),
                ]
        self._split(m, link, commands, words)
        self._join(m, link, commands, collected)
        self._count(m, link, commands)
        return m

    def _split(self, m: Module, link: ReliableLink, commands: Commands, words: BytesToWords) -> None:
        segment = link.o.payload
        refused = Signal()
        if commands.memories is not None:
            m.d.comb += refused.eq(segment.tokens & ~commands.memories.loaded)
        resetting = commands.reset | self.reset
        # A command waits until the word before it is in the accelerator.
        m.d.comb += [
            words.i.payload.eq(segment.data),
            words.i.valid.eq(link.o.valid & segment.tokens & ~refused & ~resetting),
            commands.i.payload.data.eq(segment.data),
            commands.i.payload.last.eq(segment.last),
            commands.i.valid.eq(link.o.valid & (~segment.tokens | refused) & ~words.o.valid),
            commands.refuse.eq(refused),
        ]
        with m.If(segment.tokens & ~refused):
            m.d.comb += link.o.ready.eq(words.i.ready & ~resetting)
        with m.Else():
            m.d.comb += link.o.ready.eq(commands.i.ready & ~words.o.valid)

    def _join(self, m: Module, link: ReliableLink, commands: Commands, collected: WordsToBytes) -> None:
        """Whole words, whole replies; a reply goes when no word waits."""
        replying, reply = Signal(), Signal()
        m.d.comb += reply.eq(replying | (commands.o.valid & ~collected.o.valid))
        with m.If(reply):
            m.d.comb += [
                link.i.payload.data.eq(commands.o.payload.data),
                link.i.payload.last.eq(commands.o.payload.last),
                link.i.valid.eq(commands.o.valid),
                commands.o.ready.eq(link.i.ready),
            ]
            with m.If(link.i.valid & link.i.ready):
                m.d.sync += replying.eq(~link.i.payload.last)
        with m.Else():
            m.d.comb += [
                link.i.payload.data.eq(collected.o.payload.data),
                link.i.payload.tokens.eq(1),
                link.i.valid.eq(collected.o.valid),
                collected.o.ready.eq(link.i.ready),
            ]
        with m.If(link.opened):
            m.d.sync += replying.eq(0)

    def _count(self, m: Module, link: ReliableLink, commands: Commands) -> None:
        counted = {
            **stream_steps(self.events, self.out),
            "bad_frames": link.bad,
            "stray_frames": link.stray,
            "line_errors": self.line_error,
        }
        for name in ("cycles", "saturations"):
            m.d.comb += getattr(commands.counters, name).eq(getattr(self, name))
        for name, step in counted.items():
            m.d.comb += getattr(commands.counters, name).eq(count(m, name, step))
