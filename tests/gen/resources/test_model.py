"""The resource model against the synthesised builds that the repository holds."""

import pytest
from spikeloom.gen.resources.model import LUT_RAM_LUTS, predict_resources
from spikeloom.hw.boards.devices import LFE5U_85F

from .stored import rows, stored_params

ECP5 = [name for family, name in rows() if family == "ecp5"]


def error(name, kind):
    found = getattr(predict_resources(stored_params(name), LFE5U_85F), kind)
    return abs(found / rows()["ecp5", name]["synthesised"][kind] - 1)


def test_there_are_builds_of_all_kinds():
    assert len(ECP5) >= 30
    assert len({name.rsplit("_", 1)[0] for name in ECP5}) >= 7
    luts = [rows()["ecp5", name]["synthesised"]["luts"] for name in ECP5]
    assert max(luts) > 5 * min(luts)


@pytest.mark.parametrize("name", ECP5)
def test_predicted_is_synthesised(name):
    found, counted = predict_resources(stored_params(name), LFE5U_85F), rows()["ecp5", name]["synthesised"]
    assert error(name, "luts") <= 0.1
    assert error(name, "ffs") <= 0.1
    assert found.block_rams == counted["block_rams"]
    assert found.dsps == counted["dsps"]
    # constant bits of queues are found by synthesis only
    assert abs(found.lut_rams - counted["lut_rams"]) <= 4
    assert found.luts > LUT_RAM_LUTS[LFE5U_85F.family] * found.lut_rams


def test_builds_that_the_fit_has_not_seen():
    """Errors of each build with the coefficients of all others, as the bench wrote them."""
    errors = {
        (name, kind): abs(row["left_out"][kind] / row["synthesised"][kind] - 1)
        for (family, name), row in rows().items()
        for kind in ("luts", "ffs")
        if family == "ecp5"
    }
    assert sum(found <= 0.1 for found in errors.values()) >= 0.95 * len(errors)
    assert max(errors.values()) <= 0.2
