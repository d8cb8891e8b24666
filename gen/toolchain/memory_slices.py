"""Deep read-only and loaded memories as slices of a few bits, each one block RAM deep.

Yosys prefers the fewest block RAMs: it stacks them and selects a word behind their outputs. The multiplexers
take a LUT or two a bit, and half the clock. A slice as narrow as the port of a block RAM that holds all words
needs none. It is done where it takes at most a quarter more block RAMs. What is loaded is written in parts of
its words: its slices divide them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["slice_bits", "slice_memories"]

_MEMORY = re.compile(r"  memory width (\d+) size (\d+) \\words")
_ENABLE = re.compile(r"\\write \[\d+\]")
_MOST_MORE = 1.25


def slice_memories(text: str, shapes: Sequence[tuple[int, int]]) -> str:
    r"""Return the RTLIL `text` with its deep memories sliced; itself, if it has none.

    Parameters
    ----------
    text : str
        As gen/memories.py writes it: a module with nothing but a memory ``\words`` of one read port.
    shapes : sequence of (int, int)
        Words and bits of the shapes that a block RAM takes; deeper ones are narrower.
    """
    lines = text.split("\n")
    places = [(at, found) for at, line in enumerate(lines) if (found := _MEMORY.fullmatch(line))]
    changed = False
    for at, found in reversed(places):
        width, depth = int(found[1]), int(found[2])
        end = lines.index("end", at)
        bits = slice_bits(width, depth, shapes, written="  cell $memwr_v2 $write" in lines[at:end])
        if bits and "  cell $memrd_v2 $read_1" not in lines[at:end]:
            body = lines[at + 1 : end]
            slices = range(0, width, bits)
            lines[at:end] = [
                line for low in slices for line in _slice(body, low, min(bits, width - low), width, depth)
            ]
            changed = True
    return "\n".join(lines) if changed else text


def slice_bits(width: int, depth: int, shapes: Sequence[tuple[int, int]], *, written: bool = False) -> int:
    """Bits of a slice, a power of two where it is `written`; 0 where the memory stays whole."""
    if depth <= min(words for words, _ in shapes):
        return 0
    fewest = min(-(-depth // words) * -(-width // bits) for words, bits in shapes)
    fitting = [bits for words, bits in shapes if words >= depth]
    if written:
        fitting = [1 << (bits.bit_length() - 1) for bits in fitting]
    slices = -(-width // max(fitting)) if fitting else 0
    if not slices or slices > _MOST_MORE * fewest:
        return 0
    return max(fitting) if written else -(-width // slices)


def _slice(body: Sequence[str], low: int, bits: int, width: int, depth: int) -> Iterator[str]:
    """Memory and cells of the bits from `low` upward."""
    yield f"  memory width {bits} size {depth} \\words_{low}"
    for line in body:
        words = line.split(" ")
        if line.startswith("  cell "):
            yield f"{line}_{low}"
        elif words[-2:] == ["\\MEMID", '"\\\\words"']:
            yield f'    parameter \\MEMID "\\\\words_{low}"'
        elif words[-2:-1] == ["\\WIDTH"]:
            yield f"    parameter \\WIDTH {bits}"
        elif words[-2:] == ["\\DATA", "\\data"]:
            yield f"    connect \\DATA \\data [{low + bits - 1}:{low}]"
        elif words[-2:] == ["\\DATA", "\\write_data"]:
            yield f"    connect \\DATA \\write_data [{low + bits - 1}:{low}]"
        elif enables := _ENABLE.findall(line):
            top = width - low - bits  # the highest bit comes first
            yield f"    connect \\EN {{ {' '.join(enables[top : top + bits])} }}"
        elif words[-2:-1] == ["\\DATA"]:
            content = words[-1].partition("'")[2]
            top = width - low - bits  # the highest bit comes first
            kept = (content[k + top : k + top + bits] for k in range(0, len(content), width))
            yield f"    connect \\DATA {bits * depth}'{''.join(kept)}"
        elif words[-1].startswith(f"{width}'") and words[-2] != "\\TRANSPARENCY_MASK":
            yield f"{line.rpartition(' ')[0]} {bits}'{words[-1].partition(chr(39))[2][:bits]}"
        else:
            yield line
