"""A board that runs a build: samples in, answers out, whatever cable is between."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from types import TracebackType

import numpy as np

from ...gen.build_dir import Build
from ...gen.errors import UserError
from ...gen.manifest import build_id
from ...hw.link.protocol import COUNTERS, IDENTITY, IDENTITY_BYTES, PAYLOAD_BYTES, VERSION, Op
from ...sim.engines.select import engine_input
from ...sim.faults import ProtocolFault
from ...sim.tokens import Tokens, events_format, input_tokens, out_format, read_output
from . import memories
from .background import ahead_of
from .commands import ask
from .faults import LinkError, NotLoaded, WrongBuild
from .memories import LoadProgress
from .ports import Port
from .session import LinkOptions, LinkStatistics, Session

__all__ = ["BoardLink", "Identity"]

_READ_AHEAD_BYTES = 64 * PAYLOAD_BYTES


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a board says it is: see `hw.link.protocol.IDENTITY`."""

    version: int
    window: int
    event_bits: int
    out_bits: int
    clock_hz: int
    build_id: bytes

    @classmethod
    def of(cls, body: bytes) -> Identity:
        """Read the body of a reply to IDENTIFY."""
        fields, at = {}, 0
        for name, count in IDENTITY.items():
            field = body[at : at + count]
            fields[name] = field if name == "build_id" else int.from_bytes(field, "little")
            at += count
        return cls(**fields)


class BoardLink:
    """A board that holds `build`, opened and identified; use it as a context manager.

    Parameters
    ----------
    port : Port
        Owned from here on: closed with the link.
    build : Build
    options : LinkOptions, optional
    load : bool
        Whether memories that are loaded at run time, and hold something else, are loaded now.
    progress : callable, optional
        Called while they are, as `memories.load`.

    Raises
    ------
    NoAnswer, WrongBuild
        Nothing of ours is there, or another build is.
    """

    def __init__(
        self,
        port: Port,
        build: Build,
        *,
        options: LinkOptions | None = None,
        load: bool = True,
        progress: LoadProgress | None = None,
    ):
        self.build = build
        self.params = build.plan.accelerator
        self._events, self._out = events_format(self.params), out_format(self.params)
        self._out_bytes = -(-self._out.payload_bits // 8)
        self._event_bytes = -(-self._events.payload_bits // 8)
        self.session = Session(port, options)
        try:
            self.session.open()
            self.identity = self.identify()
            self._check_identity()
            if load:
                self.load(only_if_needed=True, progress=progress)
        except BaseException:
            port.close()
            raise

    def __enter__(self) -> BoardLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the port go."""
        self.session.port.close()

    @property
    def statistics(self) -> LinkStatistics:
        """What the link did so far."""
        return self.session.statistics

    def identify(self) -> Identity:
        """Ask the board what it is."""
        body = self._ask(Op.IDENTIFY, reply_bytes=IDENTITY_BYTES)
        return Identity.of(body)

    def reset(self) -> None:
        """Forget everything under way: the next token begins a sample."""
        self._ask(Op.RESET, reply_bytes=0)
        self.session.tokens.clear()

    def counters(self) -> dict[str, int]:
        """Counters of the board since it was configured, each modulo 2**32.

        ``saturations`` is absent where the build does not count them.
        """
        body = self._ask(Op.COUNTERS, reply_bytes=4 * len(COUNTERS))
        values = np.frombuffer(body, "<u4").tolist()
        found: dict[str, int] = dict(zip(COUNTERS, values, strict=True))
        if not self.params.count_saturations:
            del found["saturations"]
        return found

    def echo(self, data: bytes) -> bytes:
        """Send bytes (at most 245) there and back."""
        return self._ask(Op.ECHO, data, reply_bytes=len(data))

    def load(self, *, only_if_needed: bool = False, progress: LoadProgress | None = None) -> bool:
        """Write the weights and parameters of the build into the board's memories and read them back.

        Whatever is under way is forgotten.

        Parameters
        ----------
        only_if_needed : bool
            Unless the board already holds them.
        progress : callable, optional
            Called with a step, what is done of it, and all of it, in bytes.

        Returns
        -------
        bool
            Whether they were written.

        Raises
        ------
        LinkError
            What is read back is not what was written.
        """
        image = self.build.load_image()
        if image is None or (only_if_needed and memories.held(self.session) == image.contents_id):
            return False
        memories.load(self.session, image, progress=progress)
        self.session.tokens.clear()
        return True

    def send_step(self, counts: np.ndarray, *, last: bool) -> None:
        """Send one step of a sample, and its tick; `read` takes what comes of it.

        Parameters
        ----------
        counts : ndarray
            (channels,) or of the input shape: events of each channel, 0 .. 255.
        last : bool
            The sample ends with this step.
        """
        flat = np.ascontiguousarray(counts, np.uint8).reshape(1, 1, -1)
        words = input_tokens(flat, self._events).words
        if not last:
            words[-1, 0] &= ~np.uint64(1 << (self._events.tick_bit + 1))
        self.session.send_tokens(self._bytes(words))

    def read(self, steps: int) -> np.ndarray:
        """Wait for the end of a sample that was sent step by step, and give its output (`run`)."""
        return self._read_sample(steps, 0)

    def run(
        self,
        x: np.ndarray,
        *,
        limit: int | None = None,
        progress: Callable[[int, np.ndarray], None] | None = None,
    ) -> np.ndarray:
        """Run samples.

        Parameters
        ----------
        x : ndarray
            (samples, steps, *input shape) uint8 event counts.
        limit : int, optional
            Run the first `limit` samples only.
        progress : callable, optional
            Called with the number of each sample and its output, as it comes.

        Returns
        -------
        ndarray
            As `sim.engines.EngineRun.output`, by the readout of the build.

        Raises
        ------
        UserError
            The samples do not fit the build.
        LinkError
            The board went away, or gave what no accelerator gives.
        """
        x = engine_input(self.build, x, limit)
        outputs = []
        for number, output in enumerate(self.stream(x)):
            outputs.append(output)
            if progress is not None:
                progress(number, output)
        return np.concatenate(outputs)

    def stream(self, samples: Iterable[np.ndarray], *, ahead: int = 0) -> Generator[np.ndarray, None, None]:
        """Run samples as they come, sending ahead of what is read.

        Parameters
        ----------
        samples : iterable of ndarray
            (steps, channels) or (steps, *input shape) uint8 each.
        ahead : int
            Outputs that may be there before they are asked for. Above 0 a thread of its own, which also
            iterates over `samples`, keeps the line busy whatever is done with the outputs; nothing else
            may use the link until this iterator has ended or was closed. Closed early, it leaves samples
            under way: `reset` forgets them.

        Yields
        ------
        ndarray
            Output of each sample, with a leading axis of 1.
        """
        outputs = self._stream(samples)
        return ahead_of(outputs, ahead) if ahead > 0 else outputs

    def _stream(self, samples: Iterable[np.ndarray]) -> Generator[np.ndarray, None, None]:
        source, sent, number = iter(samples), [], 0
        while True:
            while len(sent) == number or self.session.queued_bytes < _READ_AHEAD_BYTES:
                sample = next(source, None)
                if sample is None:
                    break
                sample = np.ascontiguousarray(sample, np.uint8)
                self.session.send_tokens(self._bytes(self._tokens(sample)))
                sent.append(len(sample))
            if number == len(sent):
                return
            yield self._read_sample(sent[number], number)
            number += 1

    def self_test(self) -> int:
        """Run the samples that came with the build and count the wrong values; 0 is right.

        The link is tried before, with every byte there is.
        """
        data = bytes(range(240, 256)) + bytes(range(229))
        if self.echo(data) != data:
            raise LinkError(f"{self.session.port.name}: an echo came back changed")
        vectors = self.build.vectors()
        if vectors is None or not len(vectors.x):
            raise UserError(f"{self.build.path}: has no stored samples for the self-test")
        from ...sim.engines.golden import readout_of

        return int(np.count_nonzero(self.run(vectors.x) != readout_of(vectors.output, self.params)))

    def _tokens(self, sample: np.ndarray) -> np.ndarray:
        return input_tokens(sample.reshape(1, len(sample), -1), self._events).words

    def _bytes(self, words: np.ndarray) -> bytes:
        raw = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
        return raw[:, : self._event_bytes].tobytes()

    def _read_sample(self, steps: int, number: int) -> np.ndarray:
        """Words up to one with `last`, read by the readout."""
        size, last_byte, last_bit = self._out_bytes, *divmod(self._out.tick_bit + 1, 8)
        tokens, seen = self.session.tokens, 0
        while True:
            words = np.frombuffer(bytes(tokens[: len(tokens) // size * size]), np.uint8).reshape(-1, size)
            ends = np.flatnonzero(words[seen:, last_byte] >> last_bit & 1)
            if ends.size:
                break
            seen = len(words)
            if seen > steps * (self._out.indices * self._out.most + 2):
                raise LinkError(f"{self.session.port.name}: more output than sample {number} can give")
            self.session.pump()
            if self.session.replies and self.session.replies[0] == bytes([Op.NOT_LOADED]):
                raise NotLoaded(
                    f"{self.session.port.name}: the board's memories are not loaded: spikeloom load"
                )
        count = seen + int(ends[0]) + 1
        del tokens[: count * size]
        padded = np.zeros((count, 8 * self._out.words), np.uint8)
        padded[:, :size] = words[:count]
        stream = Tokens(words=padded.view("<u8").astype(np.uint64), offsets=np.array([0, count]))
        try:
            return read_output(stream, self._out, self.params.readout, steps=steps, first_sample=number)
        except ProtocolFault as fault:
            raise LinkError(f"{self.session.port.name}: {fault}") from None

    def _ask(self, op: Op, body: bytes = b"", *, reply_bytes: int) -> bytes:
        return ask(self.session, op, body, reply_bytes=reply_bytes)

    def _check_identity(self) -> None:
        found, where = self.identity, self.session.port.name
        if found.version != VERSION:
            raise WrongBuild(f"{where}: speaks version {found.version} of the link, not {VERSION}")
        wanted = build_id(self.build.path)
        image = self.build.load_image()
        if found.build_id != wanted and image is not None:
            difference = memories.difference(self.session, image)
            raise WrongBuild(
                f"{where}: the board's design is not that of {self.build.path}: {difference};"
                " load the bitstream of this build"
            )
        if found.build_id != wanted:
            raise WrongBuild(
                f"{where}: the board holds build {found.build_id.hex()[:12]}, not {wanted.hex()[:12]}"
                f" of {self.build.path}; load the bitstream of this build"
            )
        bits = (self._events.payload_bits, self._out.payload_bits)
        if (found.event_bits, found.out_bits) != bits:
            raise WrongBuild(
                f"{where}: its tokens have {found.event_bits} and {found.out_bits} bits, not {bits}"
            )
