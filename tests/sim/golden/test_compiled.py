"""Compiled functions: the same source with and without a compiler, and without a place to keep them."""

import numpy as np
from spikeloom.sim.golden import compiled


def doubled(x):
    for k in range(x.size):
        x[k] = 2 * x[k]


def test_the_same_source_takes_any_integers():
    function = compiled.compiled(doubled)
    small, large = np.asarray([3, -4]), np.asarray([1 << 80], dtype=object)
    function(small)
    function.py_func(large)
    assert small.tolist() == [6, -8]
    assert large.tolist() == [1 << 81]


def test_threads_may_run_it_side_by_side():
    assert compiled.compiled(doubled).targetoptions["nogil"]


def test_nowhere_to_keep_the_code(monkeypatch):
    """As in an installation that cannot be written to, of a user without a folder for such files."""
    njit = compiled.njit

    def refuse(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'doubled': no locator available")
        return njit(**options)

    monkeypatch.setattr(compiled, "njit", refuse)
    x = np.asarray([5])
    compiled.compiled(doubled)(x)
    assert x.tolist() == [10]
