"""Commands to a board: one by one, or as many as the window takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...hw.link.protocol import PAYLOAD_BYTES, Op
from .faults import LinkError
from .session import Session

__all__ = ["ask", "ask_all"]

_AHEAD_BYTES = 16 * PAYLOAD_BYTES


def ask(session: Session, op: Op, body: bytes = b"", *, reply_bytes: int) -> bytes:
    """Send one command, and wait for the body of its reply.

    Raises
    ------
    LinkError
        It is not a reply to this command, or not `reply_bytes` long.
    """
    return next(ask_all(session, op, [(body, reply_bytes)]))


def ask_all(session: Session, op: Op, commands: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
    """Send the same command with many bodies, ahead of what comes back; give the bodies of the replies.

    Parameters
    ----------
    commands : iterable of (bytes, int)
        Body, and length of the reply's body.
    """
    source, expected, more = iter(commands), [], True
    while True:
        while more and session.queued_bytes < _AHEAD_BYTES:
            command = next(source, None)
            more = command is not None
            if command is not None:
                session.send_command(bytes([op]) + command[0])
                expected.append(command[1])
        if not expected:
            return
        while not session.replies:
            session.pump()
        reply, length = session.replies.popleft(), expected.pop(0)
        if reply[:1] != bytes([op | Op.REPLY]) or len(reply) != 1 + length:
            raise LinkError(f"{session.port.name}: unexpected answer {reply[:8].hex(' ')} to {op.name}")
        yield reply[1:]
