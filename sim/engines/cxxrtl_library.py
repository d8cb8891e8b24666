"""The compiled design as Python sees it: one instance, one batch of samples a call."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...hw.params import AcceleratorParams
from ..faults import HangFault, ProtocolFault, RtlFault
from ..tokens import Tokens, out_format
from .cxxrtl_build import toggle_blocks
from .probes import probe_words
from .run import EngineOptions

__all__ = ["Batch", "BatchResult", "Instance", "Stopped"]

_OK, _STOPPED, _HUNG, _TOO_MANY, _UNSTABLE, _EARLY, _LATE, _PROBE_TOO_MANY = range(8)


class Stopped(Exception):
    """The caller asked the batch to stop."""


class Job(ctypes.Structure):
    """Mirror of ``struct Job`` in cxxrtl_driver.cc.j2."""

    _fields_ = (
        ("tokens", ctypes.c_void_p),
        ("token_offsets", ctypes.c_void_p),
        ("limit_cycles", ctypes.c_void_p),
        ("samples", ctypes.c_int64),
        ("first_sample", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("gap", ctypes.c_uint64),
        ("stall", ctypes.c_uint64),
        ("overlap", ctypes.c_int64),
        ("out", ctypes.c_void_p),
        ("out_capacity", ctypes.c_int64),
        ("out_offsets", ctypes.c_void_p),
        ("cycles", ctypes.c_void_p),
        ("probes", ctypes.c_void_p),
        ("probe_capacity", ctypes.c_void_p),
        ("probe_used", ctypes.c_void_p),
        ("toggles", ctypes.c_void_p),
        ("saturations", ctypes.c_uint64),
        ("stop", ctypes.c_void_p),
        ("done", ctypes.c_int64),
        ("fault_cycle", ctypes.c_int64),
    )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples for one call: input tokens, limits of cycles, number of the first sample, steps of each."""

    tokens: Tokens
    limit_cycles: np.ndarray
    first_sample: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """Output tokens, cycles (samples,), records of every probe, (records, words) uint64, changed bits.

    `saturations`: states that were saturated, 0 where they are not counted.
    """

    out: Tokens
    cycles: np.ndarray
    probes: tuple[np.ndarray, ...]
    toggles: np.ndarray
    saturations: int


class Instance:
    """One simulated accelerator. Not for two threads at once."""

    def __init__(self, library: Path, params: AcceleratorParams) -> None:
        self._params = params
        self._blocks = len(toggle_blocks(library))
        self._lib = ctypes.CDLL(str(library))
        self._lib.spikeloom_create.restype = ctypes.c_void_p
        self._lib.spikeloom_destroy.argtypes = [ctypes.c_void_p]
        self._lib.spikeloom_run.argtypes = [ctypes.c_void_p, ctypes.POINTER(Job)]
        self._top = self._lib.spikeloom_create()

    def close(self) -> None:
        """Free it."""
        if self._top is not None:
            self._lib.spikeloom_destroy(self._top)
            self._top = None

    def run(self, batch: Batch, options: EngineOptions, stop: np.ndarray) -> BatchResult:
        """Move a batch through; `stop` is int32 (1,), and ends it soon after it becomes nonzero.

        Raises
        ------
        Stopped
            `stop` became nonzero.
        HangFault, ProtocolFault
            What the RTL did wrong, with the sample's number.
        """
        samples = batch.tokens.samples
        form = out_format(self._params)
        # One token more a step than can be due: RTL that sends too many is caught by its protocol.
        out = np.empty((samples * batch.steps * (form.indices * form.most + 2), form.words), np.uint64)
        out_offsets, cycles = np.zeros(samples + 1, np.int64), np.zeros(samples, np.int64)
        records = self._records(samples * batch.steps)
        pointers = (ctypes.c_void_p * max(1, len(records)))(*(r.ctypes.data for r in records))
        capacity = np.array([len(r) for r in records], np.int64)
        used = np.zeros_like(capacity)
        words = np.ascontiguousarray(batch.tokens.words)
        offsets = np.ascontiguousarray(batch.tokens.offsets, np.int64)
        limits = np.ascontiguousarray(batch.limit_cycles, np.int64)
        toggles = np.zeros(self._blocks, np.uint64)
        job = Job(
            tokens=words.ctypes.data,
            token_offsets=offsets.ctypes.data,
            limit_cycles=limits.ctypes.data,
            samples=samples,
            first_sample=batch.first_sample,
            seed=options.seed % 2**64,
            gap=int(options.gap * 2**32),
            stall=int(options.stall * 2**32),
            overlap=options.overlap,
            out=out.ctypes.data,
            out_capacity=len(out),
            out_offsets=out_offsets.ctypes.data,
            cycles=cycles.ctypes.data,
            probes=ctypes.addressof(pointers),
            probe_capacity=capacity.ctypes.data,
            probe_used=used.ctypes.data,
            toggles=toggles.ctypes.data,
            stop=stop.ctypes.data,
        )
        _check(self._lib.spikeloom_run(self._top, ctypes.byref(job)), job)
        return BatchResult(
            out=Tokens(words=out[: out_offsets[-1]].copy(), offsets=out_offsets),
            cycles=cycles,
            probes=tuple(r[:n] for r, n in zip(records, used, strict=True)),
            toggles=toggles,
            saturations=job.saturations,
        )

    def _records(self, steps: int) -> list[np.ndarray]:
        if not self._params.debug:
            return []
        groups = [-(-c.neuron.neurons // c.update_lanes) for c in self._params.cores]
        widths = [sum(probe_words(core)) for core in self._params.cores]
        return [np.zeros((steps * n + 1, width), np.uint64) for n, width in zip(groups, widths, strict=True)]


def _check(result: int, job: Job) -> None:
    if result == _OK:
        return
    if result == _STOPPED:
        raise Stopped
    place = f"cxxrtl, sample {job.first_sample + job.done}, cycle {job.fault_cycle}"
    if result == _HUNG:
        raise HangFault(f"{place}: still running, which is over the limit of cycles: the design hangs")
    faults = {
        _TOO_MANY: "more output tokens than all its steps can give",
        _UNSTABLE: "out changed or withdrew a token that waited for ready",
        _EARLY: "out ended before all input was taken",
        _LATE: "a token on out after the last one",
        _PROBE_TOO_MANY: "a probe reported more groups than the populations have",
    }
    if result == _LATE:
        raise ProtocolFault(f"cxxrtl, sample {job.first_sample + job.done - 1}: {faults[result]}")
    if result in faults:
        raise ProtocolFault(f"{place}: {faults[result]}")
    raise RtlFault(f"{place}: unknown result {result}")
