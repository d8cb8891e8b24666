"""All plans of one number format: quantise, measure the accuracy, and find the front of time and area."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...gen.codec import encode
from ...gen.importer import load_network
from ...gen.ir import QuantisedNetwork
from ...gen.planning.planner import Proposal, front
from ...gen.quantise import quantise
from ...gen.toolchain.process import tool_version
from .. import golden
from ..compile import MEASURED_SAMPLES, CompileOptions, activity_of
from ..data import Samples, load_samples
from ..decision import accuracy, decide

__all__ = ["Job", "explore_format"]

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Job:
    """One number format to look at.

    Attributes
    ----------
    model : Path
        A ``.nir`` file.
    options : CompileOptions
        With a board; their weight and state bits are those below.
    weight_bits : int
    state_bits : int or "auto"
    calibration, data : Path or None
        What the quantiser may see, and what the accuracy is measured on.
    limit : int or None
        Only so many samples of `data`.
    """

    model: Path
    options: CompileOptions
    weight_bits: int
    state_bits: int | str
    calibration: Path | None
    data: Path | None
    limit: int | None

    @property
    def name(self) -> str:
        """Format in a word."""
        return f"w{self.weight_bits}-s{self.state_bits}"

    def digest(self) -> str:
        """Hash of everything that the result depends on."""
        files = [self.model, self.calibration, self.data]
        parts = {
            "files": [
                None if path is None else hashlib.sha256(path.read_bytes()).hexdigest() for path in files
            ],
            "options": encode(self.options),
            "formats": [self.weight_bits, self.state_bits, self.limit],
            "version": [tool_version("spikeloom"), FORMAT_VERSION],
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def explore_format(job: Job) -> dict[str, Any]:
    """Points of a format as plain data, smallest first; `points` is empty where nothing fits.

    Raises
    ------
    UserError
        The model, the data or the format cannot be used.
    """
    network = load_network(job.model, semantics=job.options.semantics, dt=job.options.dt)
    calibration = _samples(job.calibration, network.input_shape, None)
    data = _samples(job.data, network.input_shape, job.limit)
    formats = {"weight_bits": job.weight_bits, "state_bits": job.state_bits}
    wanted = replace(job.options.quantise, defaults=replace(job.options.quantise.defaults, **formats))
    seen = None if calibration is None else calibration.x
    qnet, report = quantise(network, wanted, simulate=golden, calibration=seen)
    known = None if data is None or data.y is None else data
    right = None if known is None else _accuracy(qnet, known)
    sample = calibration or data
    proposals = front(
        qnet,
        job.options.plan,
        activity=activity_of(qnet, sample),
        sample=None if sample is None else sample.x[:MEASURED_SAMPLES],
    )
    shared = {"weight_bits": job.weight_bits, "state_bits": job.state_bits, "accuracy": right}
    options = job.options.to_table(report)
    return {
        "name": job.name,
        "options": options,
        "points": [
            {"name": f"{job.name}-{place}", **shared, **_costs(proposal)}
            for place, proposal in enumerate(proposals, start=1)
        ],
    }


def _samples(path: Path | None, shape: tuple[int, ...], limit: int | None) -> Samples | None:
    return None if path is None else load_samples(path, shape=shape, limit=limit)


def _accuracy(qnet: QuantisedNetwork, data: Samples) -> float | None:
    return accuracy(decide(qnet, golden.run_golden(qnet, data.x, keep=())), data.y)


def _costs(proposal: Proposal) -> Mapping[str, Any]:
    options = proposal.plan.options
    return {
        "cycles": proposal.cycles,
        "latency_us": proposal.cycles / options.planned_mhz,
        **encode(proposal.resources),
        "plan": options.to_table(),
    }
