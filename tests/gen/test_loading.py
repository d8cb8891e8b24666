"""Loaded builds: one shape, whatever the model; their own contents; the file that is loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.build_dir import read_build, write_build
from spikeloom.gen.emit import emit, make_accelerator
from spikeloom.gen.errors import UserError
from spikeloom.gen.load_image import LoadImage
from spikeloom.gen.loading import WeightsForm
from spikeloom.gen.manifest import build_id
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.load_bus import loaded_shapes
from spikeloom.hw.params import WeightStore

from .chains import float_chain, quantised_chain

LOADED = PlanOptions(weights=WeightsForm.LOADED, lanes=3)


def written(folder, qnet, options=LOADED):
    plan = make_plan(qnet, options)
    return write_build(folder, network=float_chain(qnet), qnet=qnet, plan=plan)


def sparse(qnet):
    """The same network with most weights gone, so that its sums are small."""
    kept = tuple(
        replace(p, weight=p.weight * (np.arange(p.weight.size).reshape(p.weight.shape) % 7 == 0))
        for p in qnet.projections
    )
    return replace(qnet, projections=kept)


def test_two_models_of_one_shape(tmp_path):
    """Their designs are the same text but for the contents; the identity of a board is that of the shape."""
    one, other = quantised_chain((5, 7, 4), seed=1), sparse(quantised_chain((5, 7, 4), seed=2))
    builds = [written(tmp_path / name, qnet) for name, qnet in (("one", one), ("other", other))]
    texts = [emit(build.plan, build.qnet) for build in builds]
    assert texts[0].rtlil(blank=True) == texts[1].rtlil(blank=True)
    assert texts[0].rtlil() != texts[1].rtlil()
    first, second = (build.manifest["loading"] for build in builds)
    assert first["shape"] == second["shape"]
    assert first["contents"] != second["contents"]
    assert build_id(builds[0].path) == build_id(builds[1].path)
    images = [build.load_image() for build in builds]
    assert len({image.contents_id for image in images if image is not None}) == 2


@pytest.mark.parametrize("change", [{"bits": 5}, {"sizes": (5, 8, 4)}, {"analog": True}])
def test_another_shape(tmp_path, change):
    one = written(tmp_path / "one", quantised_chain((5, 7, 4)))
    other = written(tmp_path / "other", quantised_chain(**{"sizes": (5, 7, 4), **change}))
    assert build_id(one.path) != build_id(other.path)


def test_initialised_builds_have_no_load_bus(tmp_path):
    qnet = quantised_chain((5, 7, 4))
    build = written(tmp_path / "plain", qnet, replace(LOADED, weights=WeightsForm.INITIALISED))
    assert build.load_image() is None
    assert build.manifest["loading"] is None
    assert not (build.path / "load").exists()
    assert "load_bus" not in emit(build.plan, qnet).logic


def test_the_file_is_what_the_memories_hold(tmp_path):
    build = read_build(written(tmp_path / "build", quantised_chain((5, 7, 4))).path)
    image = build.load_image()
    assert image is not None
    assert image.shapes == loaded_shapes(build.plan.accelerator)
    assert [shape.name for shape in image.shapes] == [
        "layer_1.weights", "layer_1.parameters", "layer_2.weights", "layer_2.parameters",
    ]  # fmt: skip
    component = make_accelerator(build.plan, build.qnet)
    assert component.load_bus is not None
    for memory, slices in zip(component.load_bus.memories, image.slices(), strict=True):
        assert slices.shape == (memory.shape.rows, memory.shape.slices)
        words = [sum(int(part) << 16 * k for k, part in enumerate(row)) for row in slices]
        assert words == list(memory.words)
    (build.path / "load" / "memories.bin").write_bytes(image.data[:-1])
    with pytest.raises(UserError, match=r"memories\.bin: changed since it was written"):
        read_build(build.path)
    with pytest.raises(UserError, match=r"memories\.bin: Contents of the memories must have \d+ bytes"):
        build.load_image()


def test_large_memories_are_in_spram():
    qnet = quantised_chain((200, 100, 4))
    plan = make_plan(qnet, PlanOptions(weights=WeightsForm.LOADED, board="icebreaker"))
    first, second = plan.accelerator.cores
    assert first.array.store is WeightStore.SPRAM
    assert second.array.store is WeightStore.LOADED
    assert first.array.lanes * first.array.weight_bits <= 64
    assert 'ram_style "huge"' in emit(plan, qnet).rtlil()


def test_a_wrong_word():
    with pytest.raises(UserError, match="Option weights must be one of initialised, loaded, not flash"):
        PlanOptions(weights="flash")


def test_contents_of_the_wrong_length():
    with pytest.raises(ValueError, match="must have 0 bytes, not 1"):
        LoadImage((), b"x")
