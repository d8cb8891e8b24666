"""`manifest.json`: everything that was decided in a compile, and the hashes that prove what came of it.

No time stamps and no paths of the machine: the same input and options give the same manifest.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ..hw.link.protocol import BUILD_ID_BYTES
from ..hw.params import NeuronParams
from .codec import encode
from .convolution import synapse_counts
from .errors import UserError
from .ir import Network, QuantisedNetwork
from .plan import Plan
from .toolchain.process import tool_version

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "MANIFEST",
    "Source",
    "build_id",
    "file_hash",
    "is_build",
    "make_manifest",
    "manifest_text",
    "read_manifest",
]

MANIFEST = "manifest.json"
FORMAT = "spikeloom-build"
FORMAT_VERSION = 1
MAX_BYTES = 1 << 28


@dataclass(frozen=True, kw_only=True)
class Source:
    """File a network was read from: its name without folders, and its hash."""

    name: str
    sha256: str

    @classmethod
    def of(cls, path: Path | str) -> Source:
        """Source of the file at `path`."""
        return cls(name=Path(path).name, sha256=file_hash(Path(path)))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build_id(path: Path) -> bytes:
    """What a board that holds the build directory `path` answers with: the start of its manifest's hash.

    Where memories are loaded, of the hash of the design without contents: builds of one shape are alike.
    """
    loading = read_manifest(path).get("loading")
    text = loading["shape"] if loading else file_hash(path / MANIFEST)
    return bytes.fromhex(text)[:BUILD_ID_BYTES]


def make_manifest(
    *,
    network: Network,
    qnet: QuantisedNetwork,
    plan: Plan,
    report: Any = None,
    predicted: Mapping[str, Any] | None = None,
    source: Source | None = None,
    yosys: str = "",
) -> dict[str, Any]:
    """Collect everything but the file hashes.

    Parameters
    ----------
    network, qnet, plan
        The network in its three forms.
    report : dataclass or mapping, optional
        What the quantiser found; None: it was not run here.
    predicted : mapping, optional
        `cycles` and `resources`; what is not predicted is null.
    source : Source, optional
        The .nir file.
    yosys : str
        Version of Yosys that wrote the Verilog.
    """
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "source": source,
        "network": _network_summary(network, qnet),
        "semantics": network.semantics,
        "assumptions": network.assumptions,
        "formats": [_format(p.name, p.weight_bits, p.neuron) for p in qnet.populations],
        "quantiser": report,
        "plan": plan,
        "predicted": {"cycles": None, "resources": None, **(predicted or {})},
        "tools": {
            "spikeloom": tool_version("spikeloom"),
            "python": ".".join(platform.python_version_tuple()[:2]),
            "amaranth": tool_version("amaranth"),
            "numpy": np.__version__,
            "yosys": yosys,
        },
    }
    return _finite(encode(manifest))


def _network_summary(network: Network, qnet: QuantisedNetwork) -> dict[str, Any]:
    counts = [synapse_counts(p.weight, p.conv) for p in qnet.projections]
    return {
        "name": network.name,
        "inputs": network.inputs,
        "input_max": qnet.input_max,
        "populations": [
            {"name": p.name, "kind": p.kind, "shape": p.shape, "neurons": p.size, "nodes": p.nodes}
            for p in network.populations
        ],
        "projections": [
            {
                "name": p.name,
                "source": p.source,
                "target": p.target,
                "synapses": synapses,
                "nonzero": nonzero,
                "weights": p.weight.size,
            }
            for p, (synapses, nonzero) in zip(qnet.projections, counts, strict=True)
        ],
        "outputs": network.outputs,
        "neurons": sum(p.size for p in qnet.populations),
        "synapses": sum(synapses for synapses, _ in counts),
    }


def _format(population: str, weight_bits: int, neuron: NeuronParams) -> dict[str, Any]:
    """Formats of one population; a field that holds a value a neuron is named in `per_neuron`."""
    words = {name: getattr(neuron, name) for name in ("threshold", "reset_value", "bias", "leak", "v_min")}
    for name in ("synapse", "membrane"):
        decay = getattr(neuron, name)
        words[f"{name}_decay"] = None if decay is None else decay.factor
    return {
        "population": population,
        "weight_bits": weight_bits,
        "acc_bits": neuron.acc_bits,
        "state_bits": neuron.state_bits,
        "frac_bits": neuron.frac_bits,
        "synapse_bits": neuron.synapse_bits,
        "spike_bits": neuron.spike_bits,
        "decay_frac_bits": {
            name: decay.frac_bits
            for name, decay in (("synapse", neuron.synapse), ("membrane", neuron.membrane))
            if decay is not None
        },
        "shared": {name: value for name, value in words.items() if isinstance(value, int)},
        "per_neuron": [name for name, value in words.items() if isinstance(value, tuple)],
    }


def _finite(data: Any) -> Any:
    """Replace what JSON has no word for: infinities and NaN become null."""
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """JSON text, indented, lists of numbers on one line."""
    text = json.dumps(manifest, indent=2, allow_nan=False)
    number = r"-?\d[\d.eE+-]*"
    return re.sub(rf"\[\s+{number}(?:,\s+{number})*\s+\]", _on_one_line, text) + "\n"


def _on_one_line(numbers: re.Match[str]) -> str:
    return f"[{', '.join(numbers[0].strip('[]').replace(',', ' ').split())}]"


def is_build(path: Path) -> bool:
    """Whether the directory `path` holds a build, of whatever version and in whatever state."""
    try:
        with (path / MANIFEST).open("rb") as file:
            return f'"format": "{FORMAT}"'.encode() in file.read(256)
    except OSError:
        return False


def read_manifest(path: Path) -> dict[str, Any]:
    """Read and check the manifest of the build directory `path`.

    Raises
    ------
    UserError
        There is none, it is of another version, or it is not what a manifest must be.
    """
    if not is_build(path):
        raise UserError(f"{path}: not a spikeloom build directory; make one with: spikeloom compile")
    file = path / MANIFEST
    try:
        if file.stat().st_size > MAX_BYTES:
            raise UserError(f"{file}: larger than {MAX_BYTES} bytes, which no manifest is")
        manifest = json.loads(file.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not readable ({str(error).splitlines()[0]})") from None
    if type(manifest) is not dict or manifest.get("format_version") != FORMAT_VERSION:
        raise UserError(f"{file}: build format {FORMAT_VERSION} is supported; compile the network again")
    _check_files(manifest.get("files"), file)
    return manifest


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _check_files(files: Any, where: Path) -> None:
    if type(files) is not dict or not files:
        raise UserError(f"{where}: files must be an object with an entry a file")
    for name, entry in files.items():
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\\" in name or ":" in name:
            raise UserError(f"{where}: file {name} must be a path inside the build directory")
        if type(entry) is not dict or type(entry.get("sha256")) is not str:
            raise UserError(f"{where}: file {name} has no sha256")
