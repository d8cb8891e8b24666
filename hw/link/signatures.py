"""What travels inside the link: bytes, segments of frames, what a header said."""

from __future__ import annotations

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

__all__ = ["byte_stream", "byte_strobe", "header_layout", "heard_signature", "segment_stream"]


def byte_strobe() -> wiring.Signature:
    """A byte in each cycle with `valid`; whoever reads it must take it."""
    return wiring.Signature({"valid": Out(1), "data": Out(8)})


def byte_stream() -> stream.Signature:
    """Bytes; `last` ends a frame."""
    return stream.Signature(data.StructLayout({"data": 8, "last": 1}))


def segment_stream() -> stream.Signature:
    """Bytes of payloads: of commands or replies (`last` ends one), or of `tokens` (`last` ends a frame)."""
    return stream.Signature(data.StructLayout({"data": 8, "tokens": 1, "last": 1}))


def header_layout() -> data.StructLayout:
    """First four bytes of a frame."""
    return data.StructLayout(
        {"type": 3, "resend": 1, "poll": 1, "version": 3, "seq": 8, "ack": 8, "limit": 8}
    )


def heard_signature() -> wiring.Signature:
    """What an accepted frame said of the other direction, with `strobe`.

    opened: a new session began; ack: the number it expects next; limit: the first it does not take yet;
    resend: send again from `ack`.
    """
    return wiring.Signature(
        {"strobe": Out(1), "opened": Out(1), "ack": Out(8), "limit": Out(8), "resend": Out(1)}
    )
