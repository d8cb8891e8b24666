"""The picture of a graph: well-formed, everything in it, nothing from a file left unescaped."""

from xml.etree import ElementTree

import numpy as np
from spikeloom.gen.describe import describe
from spikeloom.gen.importer import import_model
from spikeloom.gen.picture import draw_svg

from .nir_files import affine, chain, conv, delay, lif, pool, write

NAMES = ["pool", "conv", "a<b>&\x01", "flat", "late", "fc", "out put"]
SVG = "{http://www.w3.org/2000/svg}"


def described(path):
    """A pooled convolution, a delayed loop, and a layer with a delay and a skip connection."""
    rng = np.random.default_rng(0)
    graph = chain(
        pool("Sum", 2),
        conv(rng.normal(size=(3, 2, 3, 3)), padding=1, stride=(2, 1)),
        lif(1),
        {"type": "Flatten", "start_dim": 0, "end_dim": -1},
        delay(np.arange(6) * 1e-4),
        affine(rng.normal(size=(4, 6))),
        lif(4),
        inputs=(2, 4, 4),
        outputs=(4,),
        names=NAMES,
    )
    graph["nodes"] |= {"w": affine(np.eye(4)), "skip": affine(rng.normal(size=(4, 32)))}
    graph["nodes"]["all"] = {"type": "Flatten", "start_dim": 0, "end_dim": -1}
    graph["edges"] += [
        ("out put", "w"),
        ("w", "out put"),
        ("input", "all"),
        ("all", "skip"),
        ("skip", "out put"),
    ]
    model = import_model(write(path, graph), semantics="snntorch")
    return describe(model.network, graph=model.graph)


def test_rows_tell_geometry_and_delays(tmp_path):
    rows = {row.name: row for row in describe_rows(tmp_path)}
    first = rows["input->a<b>&\x01"]
    assert first.form == "3x3 convolution, pool 2, stride 2x1, padding 1"
    assert (first.weights, first.synapses) == (54, 3 * 2 * 4 * (2 * 4))
    late = rows["a<b>&\x01->out put"]
    assert (late.form, late.delays, late.delay_words) == ("matrix", (0.0, 5.0), 6)


def describe_rows(tmp_path):
    return described(tmp_path / "m.nir").projections


def test_picture(tmp_path):
    description = described(tmp_path / "m.nir")
    root = ElementTree.fromstring(draw_svg(description))
    assert len(root.findall(f"{SVG}g/{SVG}rect")) == 3
    paths = root.findall(f"{SVG}g/{SVG}path")
    assert [path.get("class") for path in paths].count("recurrent") == 1
    assert len(paths) == len(description.projections) == 4
    told = [title.text for title in root.iter(f"{SVG}title")]
    assert any(text and "folded: pool, conv" in text for text in told)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "a<b>&\\x01" in texts
    assert "3x1x2 neurons" in texts
    assert "matrix, delay 0..5" in texts


def test_boxes_stand_apart_and_inside(tmp_path):
    root = ElementTree.fromstring(draw_svg(described(tmp_path / "m.nir")))
    width, height = (float(root.get(key) or 0) for key in ("width", "height"))
    corners = [(float(r.get("x") or 0), float(r.get("y") or 0)) for r in root.iter(f"{SVG}rect")]
    assert all(0 <= x < width - 190 and 0 <= y < height - 58 for x, y in corners)
    assert len({x for x, _ in corners}) == 3
