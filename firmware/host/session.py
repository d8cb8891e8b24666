"""Session: the host's half of the reliable link. It alone keeps time; the board only answers."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass

from ...hw.link.protocol import MAX_WINDOW, PAYLOAD_BYTES, FrameType
from .faults import LinkError, NoAnswer
from .frames import Frame, FrameReader, encode_frame
from .ports import Port

__all__ = ["LinkOptions", "LinkStatistics", "Session"]

_NUMBERS = 256
_SEQUENCED = (FrameType.COMMAND, FrameType.TOKENS)


@dataclass(frozen=True, kw_only=True)
class LinkOptions:
    """How patient the host is.

    Attributes
    ----------
    timeout_s : float
        Silence after which the board is asked what it has.
    tries : int
        How often it is asked before it counts as gone.
    stall_s : float
        Time in which something must come of it while the board does answer.
    """

    timeout_s: float = 0.2
    tries: int = 10
    stall_s: float = 10.0


@dataclass(kw_only=True)
class LinkStatistics:
    """What the link did.

    Attributes
    ----------
    bytes_out, bytes_in : int
        On the line.
    frames_out, frames_in : int
        Sequenced ones; `frames_out` with those that were sent again.
    sent_again : int
    bad_frames : int
        Damaged ones that came in.
    stray_frames : int
        Whole ones that came in twice or out of order.
    polls : int
        Times that the board was silent for too long.
    """

    bytes_out: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    frames_in: int = 0
    sent_again: int = 0
    bad_frames: int = 0
    stray_frames: int = 0
    polls: int = 0


class Session:
    """Two ordered streams over a port: tokens and commands out, tokens and replies in.

    Parameters
    ----------
    port : Port
    options : LinkOptions, optional

    Attributes
    ----------
    tokens : bytearray
        What came of the out stream and was not taken yet.
    replies : deque of bytes
    statistics : LinkStatistics
    """

    def __init__(self, port: Port, options: LinkOptions | None = None):
        self.port = port
        self.options = options or LinkOptions()
        self.statistics = LinkStatistics()
        self.tokens = bytearray()
        self.replies: deque[bytes] = deque()
        self._forget()

    def _forget(self) -> None:
        self._reader = FrameReader()
        self._queue: deque[tuple[FrameType, bytearray]] = deque()  # never sent
        self._flight: deque[tuple[FrameType, bytes]] = deque()  # sent, and kept until acknowledged
        self._base = 0  # number of the first of them
        self._sent = 0  # how many of them were sent since the last rewind
        self._limit = 0
        self._expected = 0
        self._owed = False  # an acknowledgement
        self._rejecting = False
        self._silent = 0
        self._heard = self.port.now()  # when a frame last came
        self._since = self._heard  # when something last came of it
        self.tokens.clear()
        self.replies.clear()

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for room in the window."""
        return sum(len(payload) for _, payload in self._queue)

    @property
    def delivered(self) -> bool:
        """Whether the board has everything that was sent."""
        return not self._queue and not self._flight

    def open(self) -> None:
        """Begin a session: numbers start at 0 and the accelerator is reset. Whatever was under way is lost.

        Raises
        ------
        NoAnswer
            There is no board of ours on the port.
        """
        self._forget()
        nonce = secrets.randbelow(1 << 16)
        for _ in range(self.options.tries):
            greeting = Frame(type=FrameType.OPEN, seq=nonce & 255, ack=nonce >> 8, limit=MAX_WINDOW)
            self._write(b"\0" + encode_frame(greeting))
            end = self.port.now() + self.options.timeout_s
            while (left := end - self.port.now()) > 0:
                for frame in self._read(left):
                    if frame and frame.type is FrameType.OPEN and frame.seq | frame.ack << 8 == nonce:
                        self._limit = frame.limit
                        self._heard = self._since = self.port.now()
                        return
        raise NoAnswer(
            f"{self.port.name}: no answer; is the board powered, is a bitstream with a link loaded"
            " (spikeloom build --link uart), and is the baud rate the same?"
        )

    def send_tokens(self, data: bytes) -> None:
        """Queue bytes of the events stream."""
        self._wake()
        at = 0
        if self._queue and self._queue[-1][0] is FrameType.TOKENS:
            last = self._queue[-1][1]
            at = PAYLOAD_BYTES - len(last)
            last += data[:at]
        for start in range(at, len(data), PAYLOAD_BYTES):
            self._queue.append((FrameType.TOKENS, bytearray(data[start : start + PAYLOAD_BYTES])))

    def send_command(self, command: bytes) -> None:
        """Queue a command, behind all tokens that were queued before it."""
        if not 1 <= len(command) <= PAYLOAD_BYTES:
            raise ValueError(f"Command must have 1 to {PAYLOAD_BYTES} bytes, not {len(command)}")
        self._wake()
        self._queue.append((FrameType.COMMAND, bytearray(command)))

    def _wake(self) -> None:
        """Time in which nobody wanted anything is not time in which the board was silent."""
        if self.delivered:
            self._heard = self._since = self.port.now()

    def pump(self) -> None:
        """Send what the window allows, then wait until something comes, and take it.

        Raises
        ------
        NoAnswer
            The board answers no more, or answers but gets no further.
        LinkError
            It was restarted.
        """
        self._transmit()
        for frame in self._read(self.options.timeout_s):
            if frame is None:
                self._lost(bad=True)
            else:
                self._silent, self._heard = 0, self.port.now()
                self._take(frame)
        if self.port.now() - self._heard >= self.options.timeout_s:
            self._poll()
        if self.port.now() - self._since > self.options.stall_s:
            raise NoAnswer(
                f"{self.port.name}: the board answers but gives no output for {self.options.stall_s:g} s"
            )

    def _transmit(self) -> None:
        """Send every frame that the board has promised room for, or at least what it has to know."""
        line = bytearray()
        while True:
            number = (self._base + self._sent) % _NUMBERS
            if not 0 < (self._limit - number) % _NUMBERS <= MAX_WINDOW:
                break
            if self._sent == len(self._flight):
                if not self._queue:
                    break
                kind, payload = self._queue.popleft()
                self._flight.append((kind, bytes(payload)))
            else:
                self.statistics.sent_again += 1
            kind, payload = self._flight[self._sent]
            line += self._frame(kind, number, payload)
            self._sent += 1
            self.statistics.frames_out += 1
        if self._owed and not line:
            line += self._status()
        if line:
            self._owed = False
            self._write(bytes(line))

    def _frame(
        self,
        kind: FrameType,
        number: int,
        payload: bytes = b"",
        *,
        poll: bool = False,
        resend: bool = False,
    ) -> bytes:
        frame = Frame(
            type=kind,
            seq=number,
            ack=self._expected,
            limit=(self._expected + MAX_WINDOW) % _NUMBERS,
            poll=poll,
            resend=resend,
            payload=payload,
        )
        return encode_frame(frame)

    def _status(self, *, poll: bool = False, resend: bool = False) -> bytes:
        number = (self._base + self._sent) % _NUMBERS
        return self._frame(FrameType.STATUS, number, poll=poll, resend=resend)

    def _poll(self) -> None:
        """Ask what the board has; the delimiter ends what noise may have begun."""
        self._silent += 1
        self._heard, self._rejecting = self.port.now(), False
        self.statistics.polls += 1
        if self._silent > self.options.tries:
            raise NoAnswer(f"{self.port.name}: the board does not answer any more")
        self._write(b"\0" + self._status(poll=True, resend=True))

    def _take(self, frame: Frame) -> None:
        if frame.type is FrameType.OPEN:
            return  # the answer to a greeting that was repeated
        if frame.type is FrameType.CLOSED:
            raise LinkError(f"{self.port.name}: the board was restarted; run it again")
        fresh = (frame.ack - self._base) % _NUMBERS
        if fresh <= len(self._flight):
            self._acknowledged(fresh)
            # An answer to a poll comes after all that was sent before it: what it does not name is lost.
            if frame.resend or frame.poll:
                self._sent = 0
        if (frame.limit - self._limit) % _NUMBERS <= _NUMBERS // 2:
            self._limit = frame.limit
        ahead = (frame.seq - self._expected) % _NUMBERS
        if frame.type in _SEQUENCED and not ahead:
            self._accept(frame)
        elif 0 < ahead < _NUMBERS // 2:
            self._lost(bad=False)
        elif frame.type in _SEQUENCED:
            self.statistics.stray_frames += 1
            self._owed = True

    def _acknowledged(self, count: int) -> None:
        for _ in range(count):
            self._flight.popleft()
        self._base = (self._base + count) % _NUMBERS
        self._sent = max(0, self._sent - count)
        if count:
            self._since = self.port.now()

    def _accept(self, frame: Frame) -> None:
        self._expected = (self._expected + 1) % _NUMBERS
        self._owed, self._rejecting = True, False
        self._since = self.port.now()
        self.statistics.frames_in += 1
        if frame.type is FrameType.TOKENS:
            self.tokens += frame.payload
        else:
            self.replies.append(frame.payload)

    def _lost(self, *, bad: bool) -> None:
        """Ask for what is missing, once; a poll follows if that is lost too."""
        if bad:
            self.statistics.bad_frames += 1
        else:
            self.statistics.stray_frames += 1
        if not self._rejecting:
            self._rejecting = True
            self._write(b"\0" + self._status(resend=True))

    def _read(self, timeout_s: float) -> list[Frame | None]:
        data = self.port.read(timeout_s)
        self.statistics.bytes_in += len(data)
        return self._reader.frames(data)

    def _write(self, data: bytes) -> None:
        self.statistics.bytes_out += len(data)
        self.port.write(data)
