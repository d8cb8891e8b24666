"""Read-only and loaded memories as modules of their own: one image file each, one small Verilog module each.

Amaranth writes the content of a memory bit by bit into the RTLIL text, and Yosys prints it word by
word into Verilog: minutes and gigabytes for a real network. So read-only memories leave the design as
instances while it is converted, and their modules are written here, straight from the words. It also
leaves one module a memory, easy to find and to swap for a macro of another technology.

A memory that is loaded at run time has no content in a device. Simulations start with what is to be loaded:
in RTLIL a cell named ``$loaded`` that synthesis deletes, in Verilog ``$readmemh`` unless the macro
``SPIKELOOM_BLANK`` is defined.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import ClockSignal, Const, Fragment, Instance, Shape, ShapeCastable
from amaranth.lib.memory import Memory

from ..hw.loaded_memory import LOADED, SLICE_BITS

__all__ = [
    "BLANK_MACRO",
    "CONTENT_CELL",
    "ExternalMemory",
    "MemoryPlatform",
    "image_text",
    "rtlil_module",
    "verilog_module",
    "without_contents",
]

BLANK_MACRO = "SPIKELOOM_BLANK"
CONTENT_CELL = "$loaded"
"""RTLIL cell with the content of a loaded memory."""

PLACEHOLDER = "spikeloom_memory_"


@dataclass(frozen=True, kw_only=True)
class ExternalMemory:
    """A memory that was taken out of a design: read-only, or loaded.

    Attributes
    ----------
    placeholder : str
        Module name it was instantiated under.
    width, depth, address_bits : int
    words : sequence of int
        `depth` unsigned words of `width` bits.
    clocked : tuple of bool
        One for each read port: whether it is synchronous. A port has ``addr`` and ``data``, a
        synchronous one ``en`` as well, with ``_0``, ``_1``, ... behind them where there are several
        ports; ``clk`` is common.
    loaded : bool
        Whether it is written over the load bus: slice k with ``write[k]``, from ``write_data``, at ``addr``.
        It has one read port then, and its words are not part of the design.
    style : str
        ``ram_style`` that synthesis is asked for.
    """

    placeholder: str
    width: int
    depth: int
    address_bits: int
    words: Sequence[int]
    clocked: tuple[bool, ...]
    loaded: bool = False
    style: str = ""

    @property
    def slices(self) -> int:
        """Slices that a loaded memory is written in."""
        return self.width // SLICE_BITS

    @property
    def ports(self) -> list[tuple[str, str, int]]:
        """Name, "input" or "output", and width of every port."""
        ports = [("clk", "input", 1)] if any(self.clocked) else []
        for port, clocked in enumerate(self.clocked):
            if self.address_bits:
                ports.append((self.port("addr", port), "input", self.address_bits))
            if clocked:
                ports.append((self.port("en", port), "input", 1))
            ports.append((self.port("data", port), "output", self.width))
        if self.loaded:
            ports += [("write", "input", self.slices), ("write_data", "input", self.width)]
        return ports

    def port(self, signal: str, port: int) -> str:
        """Name of `signal` ("addr", "en" or "data") of read port number `port`."""
        return signal if len(self.clocked) == 1 else f"{signal}_{port}"


class MemoryPlatform:
    """Given to Amaranth as the platform, takes every read-only or loaded memory out of the design.

    Other memories that are written, or that are read in other than one clock domain and combinationally,
    stay where they are.

    Attributes
    ----------
    memories : list of ExternalMemory
        What was taken out.
    """

    def __init__(self) -> None:
        self.memories: list[ExternalMemory] = []

    def get_memory(self, memory: Memory) -> Fragment:
        """Amaranth's hook: what a memory elaborates to."""
        domains = {port.domain for port in memory.read_ports} - {"comb"}
        loaded = LOADED in memory.attrs
        if (memory.write_ports and not loaded) or len(domains) > 1 or not memory.read_ports:
            return memory.elaborate(None)
        external = ExternalMemory(
            placeholder=f"{PLACEHOLDER}{len(self.memories)}",
            width=Shape.cast(memory.shape).width,
            depth=memory.depth,
            address_bits=len(memory.read_ports[0].addr),
            words=_words(memory),
            clocked=tuple(port.domain != "comb" for port in memory.read_ports),
            loaded=loaded,
            style=str(memory.attrs.get("ram_style", "")),
        )
        self.memories.append(external)
        return _instance(external, memory)


def _words(memory: Memory) -> list[int]:
    shape, words = memory.shape, list(memory.init)
    if isinstance(shape, ShapeCastable):
        words = [Const.cast(shape.const(word)).value for word in words]
    mask = (1 << Shape.cast(shape).width) - 1
    return [word & mask for word in words]


def _instance(external: ExternalMemory, memory: Memory) -> Instance:
    ports: list = []
    for number, port in enumerate(memory.read_ports):
        if port.domain != "comb":
            ports[:1] = [("i", "clk", ClockSignal(port.domain))]
            ports.append(("i", external.port("en", number), port.en))
        if external.address_bits:
            ports.append(("i", external.port("addr", number), port.addr))
        ports.append(("o", external.port("data", number), port.data))
    for write in memory.write_ports:
        ports += [("i", "write", write.en), ("i", "write_data", write.data)]
    return Instance(external.placeholder, *ports)


def image_text(memory: ExternalMemory) -> str:
    """Content for ``$readmemh``: a word a line, hexadecimal, address 0 first."""
    digits = -(-memory.width // 4)
    return "".join(f"{word:0{digits}x}\n" for word in memory.words)


def rtlil_module(memory: ExternalMemory, name: str, *, blank: bool = False) -> str:
    """RTLIL module of the memory, with its content unless it is loaded and this is `blank`."""
    wires = "".join(
        f"  wire width {width} {direction} {number} \\{port}\n"
        for number, (port, direction, width) in enumerate(memory.ports, start=1)
    )
    reads = "".join(_rtlil_read(memory, port) for port in range(len(memory.clocked)))
    style = f'  attribute \\ram_style "{memory.style}"\n' if memory.style else ""
    init = "" if blank and memory.loaded else _rtlil_init(memory)
    return (
        f"module \\{name}\n"
        f"{wires}{style}"
        f"  memory width {memory.width} size {memory.depth} \\words\n"
        f"{init}{reads}{_rtlil_write(memory) if memory.loaded else ''}"
        "end\n"
    )


def without_contents(rtlil: bytes) -> bytes:
    """RTLIL without what is loaded at run time: the design that a bitstream holds."""
    cell = re.escape(f"  cell $meminit_v2 {CONTENT_CELL}\n").encode()
    return re.sub(cell + rb"(?:    .*\n)*  end\n", b"", rtlil)


def _rtlil_init(memory: ExternalMemory) -> str:
    bits = "".join(f"{word:0{memory.width}b}" for word in reversed(memory.words))
    return (
        f"  cell $meminit_v2 {CONTENT_CELL if memory.loaded else '$init'}\n"
        '    parameter \\MEMID "\\\\words"\n'
        "    parameter \\ABITS 0\n"
        f"    parameter \\WIDTH {memory.width}\n"
        f"    parameter \\WORDS {memory.depth}\n"
        "    parameter \\PRIORITY 0\n"
        "    connect \\ADDR { }\n"
        f"    connect \\DATA {memory.width * memory.depth}'{bits}\n"
        f"    connect \\EN {memory.width}'{'1' * memory.width}\n"
        "  end\n"
    )


def _rtlil_read(memory: ExternalMemory, port: int) -> str:
    clocked = memory.clocked[port]
    unknown = "x" * memory.width
    collisions = "1'1" if memory.loaded else "0'0"  # nothing is read in a cycle that writes
    address = f"\\{memory.port('addr', port)}" if memory.address_bits else "{ }"
    enable, clock = (f"\\{memory.port('en', port)}", "\\clk") if clocked else ("1'1", "1'0")
    return (
        f"  cell $memrd_v2 $read_{port}\n"
        '    parameter \\MEMID "\\\\words"\n'
        f"    parameter \\ABITS {memory.address_bits}\n"
        f"    parameter \\WIDTH {memory.width}\n"
        f"    parameter \\TRANSPARENCY_MASK {'1' if memory.loaded else '0'}'0\n"
        f"    parameter \\COLLISION_X_MASK {collisions}\n"
        f"    parameter \\ARST_VALUE {memory.width}'{unknown}\n"
        f"    parameter \\SRST_VALUE {memory.width}'{unknown}\n"
        f"    parameter \\INIT_VALUE {memory.width}'{unknown}\n"
        "    parameter \\CE_OVER_SRST 0\n"
        f"    parameter \\CLK_ENABLE {int(clocked)}\n"
        "    parameter \\CLK_POLARITY 1\n"
        f"    connect \\ADDR {address}\n"
        f"    connect \\DATA \\{memory.port('data', port)}\n"
        "    connect \\ARST 1'0\n"
        "    connect \\SRST 1'0\n"
        f"    connect \\EN {enable}\n"
        f"    connect \\CLK {clock}\n"
        "  end\n"
    )


def _rtlil_write(memory: ExternalMemory) -> str:
    enables = " ".join(f"\\write [{bit // SLICE_BITS}]" for bit in reversed(range(memory.width)))
    return (
        "  cell $memwr_v2 $write\n"
        '    parameter \\MEMID "\\\\words"\n'
        f"    parameter \\ABITS {memory.address_bits}\n"
        f"    parameter \\WIDTH {memory.width}\n"
        "    parameter \\CLK_ENABLE 1\n"
        "    parameter \\CLK_POLARITY 1\n"
        "    parameter \\PORTID 0\n"
        "    parameter \\PRIORITY_MASK 0'0\n"
        "    connect \\ADDR \\addr\n"
        "    connect \\DATA \\write_data\n"
        f"    connect \\EN {{ {enables} }}\n"
        "    connect \\CLK \\clk\n"
        "  end\n"
    )


def verilog_module(memory: ExternalMemory, name: str, image: str) -> str:
    """Verilog module of the memory, which reads its content from the file `image`."""
    ports = memory.ports
    registers = {memory.port("data", port) for port, clocked in enumerate(memory.clocked) if clocked}
    declarations = "".join(
        f"  {direction} {'reg ' if port in registers else ''}{_range(width)}{port};\n"
        for port, direction, width in ports
    )
    reads = "".join(_verilog_read(memory, port) for port in range(len(memory.clocked)))
    writes = (
        "".join(_verilog_write(memory, number) for number in range(memory.slices)) if memory.loaded else ""
    )
    style = f'(* ram_style = "{memory.style}" *) ' if memory.style else ""
    content = f'  initial $readmemh("{image}", words);\n'
    if memory.loaded:
        content = f"`ifndef {BLANK_MACRO}\n{content}`endif\n"
    return (
        f"module {name}({', '.join(port for port, _, _ in ports)});\n"
        f"{declarations}"
        f"  {style}reg {_range(memory.width)}words [0:{memory.depth - 1}];\n"
        f"{content}{reads}{writes}"
        "endmodule\n"
    )


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""


def _verilog_write(memory: ExternalMemory, number: int) -> str:
    part = f"[{SLICE_BITS * number + SLICE_BITS - 1}:{SLICE_BITS * number}]"
    write = "write" if memory.slices == 1 else f"write[{number}]"
    return f"  always @(posedge clk) if ({write}) words[addr]{part} <= write_data{part};\n"


def _verilog_read(memory: ExternalMemory, port: int) -> str:
    address = memory.port("addr", port) if memory.address_bits else "0"
    data = memory.port("data", port)
    if memory.clocked[port]:
        return f"  always @(posedge clk) if ({memory.port('en', port)}) {data} <= words[{address}];\n"
    return f"  assign {data} = words[{address}];\n"
