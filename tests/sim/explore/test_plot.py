"""What the plot of an exploration says: matplotlib leaves its texts in comments of the SVG."""

import re

import pytest
from spikeloom.sim.explore.plot import draw


def point(name, accuracy, *, best=True, weight_bits=4):
    return {
        "name": name,
        "weight_bits": weight_bits,
        "accuracy": accuracy,
        "luts": 1000,
        "latency_us": 10.0,
        "block_rams": 31,
        "best": best,
    }


def texts(*points):
    return re.findall(
        r"<!-- (.*?) -->", draw({"points": list(points), "board": "ulx3s_85f", "clock_mhz": 25.0})
    )


def test_picks_carry_their_names_and_others_do_not():
    found = texts(point("w4-sauto-1", None), point("w4-sauto-2", None, best=False))
    assert "w4-sauto-1, 31 RAMs" in found
    assert not any("w4-sauto-2" in text for text in found)


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ((None, None), "4-bit weights"),
        ((0.987, 0.987), "4-bit weights, 98.7 %"),
        ((0.9, 0.987), "4-bit weights, 90.0 to 98.7 %"),
    ],
)
def test_the_legend_tells_the_accuracy_of_a_format(accuracies, words):
    assert words in texts(*(point(f"w4-{place}", value) for place, value in enumerate(accuracies)))


def test_formats_have_their_own_line_in_the_legend():
    found = texts(point("w4-sauto-1", 0.9), point("w2-sauto-1", 0.8, weight_bits=2))
    assert {"2-bit weights, 80.0 %", "4-bit weights, 90.0 %"} <= set(found)
