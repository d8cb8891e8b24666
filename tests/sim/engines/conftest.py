"""Echo designs for the engines' tests, and a cache of compiled designs that is not the user's."""

from __future__ import annotations

import numpy as np
import pytest
from spikeloom.gen.rtl import convert
from spikeloom.sim.engines.run import Design

from .echo import Echo, echo_params

CHANNELS = 20


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    """Compiled designs stay in pytest's cache, so that a second run of the tests is quick."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))


@pytest.fixture(scope="session")
def echo_design(tmp_path_factory):
    """Return a function from a fault to the emitted RTL of an `Echo`."""
    made = {}

    def design(fault=""):
        if fault not in made:
            folder = tmp_path_factory.mktemp(f"echo-{fault}")
            params = echo_params(CHANNELS)
            rtl = convert(Echo(params, fault=fault))
            (folder / "echo.il").write_text(rtl.rtlil())
            (folder / "echo.v").write_text(rtl.verilog())
            made[fault] = Design(
                params=params, rtlil=folder / "echo.il", verilog=(folder / "echo.v",), populations=("echo",)
            )
        return made[fault]

    return design


@pytest.fixture
def samples():
    """(30, 8, 20) event counts, 0 to 3; what an `Echo` makes of x is x > 0."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 4, (30, 8, CHANNELS)) * (rng.random((30, 8, CHANNELS)) < 0.2)
    return x.astype(np.uint8)
