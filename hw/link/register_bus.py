"""Register bus: what AXI-Lite and Wishbone have in common, so that the registers know neither."""

from __future__ import annotations

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_map import ADDRESS_BITS, WORD_BITS

__all__ = ["register_bus"]


def register_bus() -> wiring.Signature:
    """The bus, as its user drives it.

    valid : a request; it and what belongs to it stay until `done`, or are withdrawn
    write : it writes
    address : of the word
    data, strobe : what is written, and which of its bytes
    done : in, for a cycle: the request was carried out, or refused
    error : in, with `done`: it was refused, and nothing happened
    q : in, with `done`: what was read
    """
    return wiring.Signature(
        {
            "valid": Out(1),
            "write": Out(1),
            "address": Out(ADDRESS_BITS - 2),
            "data": Out(WORD_BITS),
            "strobe": Out(WORD_BITS // 8),
            "done": In(1),
            "error": In(1),
            "q": In(WORD_BITS),
        }
    )
