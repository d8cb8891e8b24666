"""The build directory: everything that one compile gives, described in docs/build-directory.md.

It is written whole or not at all, the same input gives the same bytes, and what is read back is checked
against its hashes and its own classes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from ..hw.load_bus import loaded_shapes
from .atomic_dir import check_target, replace_directory
from .clock_constraints import lpf_text, sdc_text
from .codec import decode
from .codec_npz import read_npz, write_npz
from .emit import make_accelerator
from .errors import UserError
from .ir import Network, QuantisedNetwork
from .load_image import LoadImage
from .manifest import MANIFEST, Source, file_hash, is_build, make_manifest, manifest_text, read_manifest
from .network_check import check_network, check_plan, check_quantised
from .network_files import read_network, write_network
from .plan import Plan
from .rtl import convert
from .summary import summary_text
from .toml_text import toml_text
from .toolchain.process import tool_version
from .toolchain.yosys import YosysEngine, yosys_engine

__all__ = ["Build", "Vectors", "check_output", "read_build", "write_build"]

WHAT = "the build"
NETWORK, QUANTISED, VECTORS = "network.npz", "quantised.npz", "vectors/vectors.npz"
LOAD = "load/memories.bin"
RTLIL, VERILOG, IMAGES = "rtl/accelerator.il", "rtl/accelerator.v", "rtl/*.mem"
REQUIRED = (NETWORK, QUANTISED, RTLIL, VERILOG)


@dataclass(frozen=True, kw_only=True, eq=False)
class Vectors:
    """A few samples and what the accelerator must answer.

    Attributes
    ----------
    x : ndarray
        (samples, steps, *input shape) uint8 event counts.
    output : ndarray
        (samples, steps, neurons) spikes, or membranes in state LSB, of the output population.
    streams : mapping of str to str
        Further text files for `vectors/` by name, such as the tokens of both streams.
    """

    x: np.ndarray
    output: np.ndarray
    streams: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Build:
    """A build directory that was read and checked.

    Attributes
    ----------
    path : Path
        The directory.
    network, qnet, plan
        What was compiled.
    manifest : mapping
        `manifest.json`.
    """

    path: Path
    network: Network
    qnet: QuantisedNetwork
    plan: Plan
    manifest: Mapping[str, Any]

    @property
    def rtlil(self) -> Path:
        """RTLIL of the accelerator, memories filled."""
        return self.path / RTLIL

    @property
    def verilog(self) -> Path:
        """Verilog of the accelerator; run simulators in its folder, where the memory images are."""
        return self.path / VERILOG

    @property
    def images(self) -> tuple[Path, ...]:
        """Memory images that the Verilog reads."""
        names = (name for name in self.manifest["files"] if fnmatch(name, IMAGES))
        return tuple(self.path / name for name in names)

    def load_image(self) -> LoadImage | None:
        """What is loaded into the accelerator's memories; None: they are part of the design.

        Raises
        ------
        UserError
            The file is not what it should be.
        """
        shapes = loaded_shapes(self.plan.accelerator)
        if not shapes:
            return None
        try:
            return LoadImage(shapes, (self.path / LOAD).read_bytes())
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path / LOAD}: {error}; compile the network again") from None

    def vectors(self) -> Vectors | None:
        """The samples that came with the build, without their `streams`; None if there are none.

        Raises
        ------
        UserError
            The file is not what it should be.
        """
        if VECTORS not in self.manifest["files"]:
            return None
        arrays = read_npz(self.path / VECTORS)
        if arrays.keys() != {"x", "output"} or any(a.dtype.kind not in "iu" for a in arrays.values()):
            raise UserError(f"{self.path / VECTORS}: must hold the integer arrays x and output")
        return Vectors(x=arrays["x"], output=arrays["output"])


def check_output(path: Path | str) -> Path:
    """Tell early whether `write_build` may write to `path`; it must be new, empty or an earlier build.

    Raises
    ------
    UserError
        It may not.
    """
    return check_target(path, ours=is_build, what=WHAT)


def write_build(
    path: Path | str,
    *,
    network: Network,
    qnet: QuantisedNetwork,
    plan: Plan,
    report: Any = None,
    vectors: Vectors | None = None,
    options: Mapping[str, Any] | None = None,
    predicted: Mapping[str, Any] | None = None,
    source: Source | None = None,
    engine: YosysEngine = "auto",
) -> Build:
    """Emit the RTL of `plan` and write the build directory.

    Parameters
    ----------
    path : Path or str
        Directory to write: new, empty, or an earlier build, which is replaced.
    network, qnet, plan
        The network in its three forms.
    report : dataclass or mapping, optional
        What the quantiser found.
    vectors : Vectors, optional
        Samples for `vectors/`.
    options : mapping, optional
        Further options that gave this build; the plan's are added as table ``plan``.
    predicted : mapping, optional
        `cycles` and `resources`.
    source : Source, optional
        The .nir file, `Source.of(path)`.
    engine : {"auto", "pyosys", "yowasp"}
        Yosys that writes the Verilog; the text is the same.

    Raises
    ------
    UserError
        The directory cannot be written, or the network does not fit the plan. Nothing is left behind.
    MissingTool
        No Yosys is installed.
    """
    check_output(path)
    manifest = make_manifest(
        network=network,
        qnet=qnet,
        plan=plan,
        report=report,
        predicted=predicted,
        source=source,
        yosys=_yosys_version(engine),
    )
    with replace_directory(path, ours=is_build, what=WHAT) as folder:
        manifest["loading"] = _write_rtl(folder, plan, qnet, engine)
        write_network(folder / NETWORK, network)
        write_network(folder / QUANTISED, qnet)
        _write_vectors(folder, vectors)
        for name, text in _texts(manifest, plan, options).items():
            _write(folder / name, text)
        manifest["files"] = _files(folder)
        _write(folder / MANIFEST, manifest_text(manifest))
    return Build(path=Path(path), network=network, qnet=qnet, plan=plan, manifest=manifest)


def _yosys_version(engine: YosysEngine) -> str:
    """Version of Yosys itself: the last number of a YoWASP version counts its packages."""
    version = tool_version(yosys_engine(engine, step="Verilog").distribution)
    return ".".join(version.split(".")[:2])


def _write_rtl(
    folder: Path, plan: Plan, qnet: QuantisedNetwork, engine: YosysEngine
) -> dict[str, Any] | None:
    """Write the design and what is loaded into it; return what the manifest says of the latter."""
    accelerator = make_accelerator(plan, qnet)
    rtl = convert(accelerator)
    _write(folder / RTLIL, rtl.rtlil())
    _write(folder / VERILOG, rtl.verilog(engine=engine))
    for name, text in rtl.images().items():
        _write(folder / "rtl" / name, text)
    image = LoadImage.of(accelerator)
    if image is None:
        return None
    (folder / LOAD).parent.mkdir()
    (folder / LOAD).write_bytes(image.data)
    return {
        "memories": [asdict(shape) for shape in image.shapes],
        "shape": hashlib.sha256(rtl.rtlil(blank=True).encode()).hexdigest(),
        "contents": image.sha256,
    }


def _write_vectors(folder: Path, vectors: Vectors | None) -> None:
    if vectors is None:
        return
    (folder / VECTORS).parent.mkdir()
    write_npz(folder / VECTORS, {"x": vectors.x, "output": vectors.output})
    for name, text in vectors.streams.items():
        _write(folder / "vectors" / name, text)


def _texts(manifest: Mapping[str, Any], plan: Plan, options: Mapping[str, Any] | None) -> dict[str, str]:
    clock_mhz = plan.options.clock_mhz
    return {
        "options.toml": toml_text({**(options or {}), "plan": plan.options.to_table()}),
        "summary.md": summary_text(manifest, plan),
        "constraints/accelerator.sdc": sdc_text(clock_mhz),
        "constraints/accelerator.lpf": lpf_text(clock_mhz),
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    # Names from a file may hold what UTF-8 cannot say.
    path.write_bytes(text.encode("utf-8", errors="replace"))


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": file_hash(folder / name)} for name in found
    }


def read_build(path: Path | str) -> Build:
    """Read a build directory, and check that it is what was written.

    Raises
    ------
    UserError
        It is not a build, of another version, incomplete, changed, or does not fit together.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    _check_hashes(folder, manifest["files"])
    network = read_network(folder / NETWORK, Network)
    check_network(network, where=str(folder / NETWORK))
    qnet = read_network(folder / QUANTISED, QuantisedNetwork)
    check_quantised(qnet, where=str(folder / QUANTISED))
    where = str(folder / MANIFEST)
    plan = decode(Plan, manifest.get("plan"), where=f"{where}: plan")
    check_plan(plan, qnet, where=where)
    return Build(path=folder, network=network, qnet=qnet, plan=plan, manifest=manifest)


def _check_hashes(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    for name in REQUIRED:
        if name not in files:
            raise UserError(f"{folder / MANIFEST}: names no {name}; compile the network again")
    for name, entry in files.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"{file}: missing; compile the network again")
        try:
            found = file_hash(file)
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}") from None
        if found != entry["sha256"]:
            raise UserError(f"{file}: changed since it was written; compile the network again")
