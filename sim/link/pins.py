"""A simulated board behind the pins of its UART, with the methods of a serial port."""

from __future__ import annotations

import ctypes
import random
from pathlib import Path

from amaranth.back import rtlil  # pyright: ignore[reportAttributeAccessIssue]  (no stub)

from ...gen.build_dir import Build
from ...gen.errors import UserError
from ...gen.memories import without_contents
from ...hw.emitted import EmittedAccelerator
from ...hw.link.params import HostLinkParams
from ...hw.link.uart_link import UartLink
from ..engines.cxxrtl_build import compile_library, mangle
from ..engines.run import Progress

__all__ = ["TOP", "SimulatedBoard", "link_design"]

_TEMPLATE = Path(__file__).with_name("pins_driver.cc.j2")
TOP = "board"
_BUFFER_BYTES = 4096


class _Call(ctypes.Structure):
    """Mirror of ``struct Call`` in pins_driver.cc.j2."""

    _fields_ = (
        ("sent", ctypes.c_char_p),
        ("sent_bytes", ctypes.c_int64),
        ("got", ctypes.c_void_p),
        ("got_capacity", ctypes.c_int64),
        ("got_bytes", ctypes.c_int64),
        ("cycles", ctypes.c_int64),
        ("cycle", ctypes.c_int64),
        ("waiting", ctypes.c_int64),
        ("framing_errors", ctypes.c_int64),
    )


class SimulatedBoard:
    """The RTL of a build with the RTL of its UART link, compiled; time passes only while it is read.

    Parameters
    ----------
    build : Build
    params : HostLinkParams
    clock_error : float
        By how much the host's bits are longer than the board's, as a fraction.
    noise : float
        Probability that the RX pin has the wrong level in a clock cycle.
    seed : int
        Of the noise.
    design : bytes, optional
        RTLIL to simulate in place of `link_design`, such as the cells that synthesis made of it.
    optimise : int
        Level of the C++ compiler's optimisation.
    progress : callable, optional

    Raises
    ------
    MissingTool, UserError
        The design cannot be compiled.
    """

    def __init__(
        self,
        build: Build,
        params: HostLinkParams,
        *,
        clock_error: float = 0.0,
        noise: float = 0.0,
        seed: int = 0,
        design: bytes | None = None,
        optimise: int = 2,
        progress: Progress | None = None,
    ):
        self.params = params
        library = compile_library(
            link_design(build, params) if design is None else design,
            top=TOP,
            template=_TEMPLATE,
            values={**{name: mangle(name) for name in ("clk", "rst", "rx", "tx")}, "prev_clk": "prev_p_clk"},
            optimise=optimise,
            progress=progress,
        )
        self._lib = ctypes.CDLL(str(library))
        self._lib.spikeloom_create.argtypes = [ctypes.c_double]
        self._lib.spikeloom_create.restype = ctypes.c_void_p
        self._lib.spikeloom_destroy.argtypes = [ctypes.c_void_p]
        self._lib.spikeloom_noise.argtypes = [ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64]
        self._lib.spikeloom_call.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Call)]
        self._board = self._lib.spikeloom_create(params.bit_cycles * (1 + clock_error))
        self._lib.spikeloom_noise(
            self._board, int(noise * 2**32), random.Random(f"noise {seed}").getrandbits(64)
        )
        self._buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
        self._unsent = bytearray()
        self.cycle = 0
        """Clock cycles that have passed."""
        self.framing_errors = 0
        """Bytes from TX without a stop bit."""

    @property
    def name(self) -> str:
        """What messages call it."""
        return "the simulated board"

    def now(self) -> float:
        """Seconds that have passed on the board."""
        return self.cycle / self.params.clock_hz

    def write(self, data: bytes) -> None:
        """Send bytes; they go out while the board is read."""
        self._unsent += data

    def read(self, timeout_s: float) -> bytes:
        """Bytes up to the next delimiter, or what there is after `timeout_s` of simulated time."""
        if self._board is None:
            raise UserError("the simulated board is closed")
        sent = bytes(self._unsent)
        self._unsent.clear()
        call = _Call(
            sent=sent,
            sent_bytes=len(sent),
            got=ctypes.addressof(self._buffer),
            got_capacity=_BUFFER_BYTES,
            cycles=max(1, round(timeout_s * self.params.clock_hz)),
        )
        self._lib.spikeloom_call(self._board, ctypes.byref(call))
        self.cycle, self.framing_errors = call.cycle, call.framing_errors
        return self._buffer.raw[: call.got_bytes]

    def close(self) -> None:
        """Free it."""
        if self._board is not None:
            self._lib.spikeloom_destroy(self._board)
            self._board = None


def link_design(build: Build, params: HostLinkParams) -> bytes:
    """RTLIL of the link around the accelerator of the build directory: the file that is verified.

    What a host loads is left out, as it is of a bitstream.
    """
    link = UartLink(EmittedAccelerator(build.plan.accelerator), params)
    text = rtlil.convert(link, name=TOP, emit_src=False)
    try:
        return text.encode() + without_contents(build.rtlil.read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {build.rtlil}: {error.strerror}") from None
