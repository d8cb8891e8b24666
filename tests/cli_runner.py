"""Run the command line as a user does, and the small files that it is run on."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from spikeloom.cli import main
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.terminal import output

from .gen.nir_files import affine, chain, lif, write

__all__ = ["Cli", "Outcome", "Small", "small_build", "small_model"]

SHAPE = (6, 8, 3)


@dataclass(frozen=True)
class Outcome:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    def error(self) -> str:
        """The one line that an unusable input gets; there is nothing else, and no traceback."""
        assert (self.code, self.out) == (2, ""), self
        assert self.err.startswith("spikeloom: "), self.err
        assert self.err.find("\n") == len(self.err) - 1, self.err
        return self.err.removeprefix("spikeloom: ").rstrip("\n")


class Cli:
    """``cli("inspect", path)``: the same as ``spikeloom inspect path``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *words: object) -> Outcome:
        self.capsys.readouterr()
        self.monkeypatch.setattr(output, "width", 110)  # whatever the terminal of the tests is
        self.monkeypatch.setattr(sys, "argv", ["spikeloom", *map(str, words)])
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as end:
                main()
        finally:
            signal.signal(signal.SIGTERM, handler)
        code = end.value.code
        captured = self.capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 1, captured.out, captured.err)


@dataclass(frozen=True)
class Small:
    """Paths of a model, of data with labels, and of a build of both."""

    model: Path
    data: Path
    build: Path


def small_model(path: Path, **parameters: object) -> Path:
    """Write a model that fires now and then; `parameters` are of its LIF nodes."""
    rng = np.random.default_rng(1)
    inputs, hidden, outputs = SHAPE
    layers = [
        affine(rng.normal(0.2, 0.5, (hidden, inputs))),
        lif(hidden, **parameters),
        affine(rng.normal(0.2, 0.5, (outputs, hidden)), rng.normal(0, 0.02, outputs)),
        lif(outputs, **parameters),
    ]
    return write(path, chain(*layers, inputs=(inputs,), outputs=(outputs,)))


def small_build(folder: Path, options: CompileOptions | None = None) -> Small:
    """Write model, data and build to `folder`."""
    rng = np.random.default_rng(2)
    model, data, build = small_model(folder / "model.nir"), folder / "data.npz", folder / "build"
    x = (rng.random((20, 7, SHAPE[0])) < 0.4).astype(np.uint8)
    np.savez(data, x=x, y=rng.integers(0, SHAPE[-1], 20))
    compile_model(model, build, options=options or CompileOptions(), calibration=data)
    return Small(model, data, build)
