"""What tests of several folders share."""

from __future__ import annotations

import os

import pytest

# Before NumPy is loaded: its threads, waiting for each other over small matrices, cost three times the work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from spikeloom.gen.quantise.options import PopulationOptions, QuantiseOptions
from spikeloom.sim.compile import CompileOptions

from .cli_runner import Cli, small_build


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path) -> Cli:
    """Run the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Cli(monkeypatch, capsys)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A model of 6-8-3 neurons, data with labels, and the build of both; to be read only."""
    return small_build(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def saturating(tmp_path_factory):
    """As `small`, with states so narrow that many are saturated."""
    quantise = QuantiseOptions(defaults=PopulationOptions(weight_bits=6, state_bits=7, frac_bits=0))
    return small_build(tmp_path_factory.mktemp("saturating"), CompileOptions(quantise=quantise))
