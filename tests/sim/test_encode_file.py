"""Files of values to files of spikes: complete, reproducible, or a line that says why not."""

import os

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.sim import archive
from spikeloom.sim.data import load_samples
from spikeloom.sim.encode import encode_rate
from spikeloom.sim.encode_file import encode_file

VALUES = np.random.default_rng(7).integers(0, 256, (6, 2, 3)).astype(np.uint8)
LABELS = np.arange(6)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "in.npz"
    np.savez(path, x=VALUES, y=LABELS, x_test=VALUES[:4], y_test=LABELS[:4] + 1)
    return path


def test_what_is_written_can_be_loaded(file, tmp_path):
    out = tmp_path / "out.npz"
    written = encode_file(file, out, "rate", steps=5, seed=3, max_rate=0.5)
    read = load_samples(out, shape=(2, 3))
    np.testing.assert_array_equal(read.x, encode_rate(VALUES, 5, seed=3, max_rate=0.5))
    np.testing.assert_array_equal(read.x, written.x)
    assert read.y is not None
    assert read.y.tolist() == LABELS.tolist()
    assert list(tmp_path.glob(".*")) == []


def test_other_arrays_and_a_limit(file, tmp_path):
    out = tmp_path / "out.npz"
    encode_file(file, out, "latency", steps=5, key="x_test", label_key="y_test", limit=3)
    read = load_samples(out, shape=(2, 3))
    assert read.x.shape == (3, 5, 2, 3)
    assert read.y is not None
    assert read.y.tolist() == [1, 2, 3]


def test_the_same_input_gives_the_same_bytes(file, tmp_path):
    paths = [tmp_path / "one.npz", tmp_path / "two.npz"]
    for path in paths:
        encode_file(file, path, "threshold", steps=5)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_permissions_are_those_of_any_new_file(file, tmp_path):
    (tmp_path / "plain").touch()
    encode_file(file, tmp_path / "out.npz", "threshold", steps=5)
    assert (tmp_path / "out.npz").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("spiral",), {"steps": 3}, "Encoding must be rate, latency, threshold, direct, not spiral"),
        (
            ("latency",),
            {"steps": 3, "seed": 1},
            "Encoding latency takes no option seed, only threshold, low, high",
        ),
        (("rate",), {"steps": 3, "limit": 0}, "Limit must be at least 1, not 0"),
        (("rate",), {"steps": 3, "key": "z"}, "IN: has no array z, only x, x_test, y, y_test"),
        (("rate",), {"steps": 3, "label_key": "z"}, "IN: has no array z, only x, x_test, y, y_test"),
        (
            ("rate",),
            {"steps": 3, "key": "x_test"},
            "IN: labels y must have the shape (4,), not (6,)",
        ),
        (("rate",), {"steps": 0}, "IN: x: Steps must be at least 1, not 0"),
        (
            ("rate",),
            {"steps": 3, "key": "y", "label_key": "y"},
            "IN: y: Values to encode must have the shape (samples, ...), not (6,)",
        ),
    ],
)
def test_what_does_not_fit_writes_nothing(file, tmp_path, arguments, options, message):
    out = tmp_path / "out.npz"
    with pytest.raises(UserError) as error:
        encode_file(file, out, *arguments, **options)
    assert str(error.value).replace(str(file), "IN") == message
    assert not out.exists()


def test_outputs_that_cannot_be_written(file, tmp_path):
    (tmp_path / "folder").mkdir()
    for out, why in (
        (tmp_path / "no" / "out.npz", "No such file or directory"),
        (tmp_path / "folder", "Is a directory"),
    ):
        with pytest.raises(UserError) as error:
            encode_file(file, out, "threshold", steps=3)
        assert str(error.value) == f"{out}: cannot be written: {why}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "in.npz"]


def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch):
    out = tmp_path / "out.npz"
    archive.write_archive(out, {"x": np.zeros(3)})
    before = out.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="cannot be written: No space left on device"):
        archive.write_archive(out, {"x": np.ones(3)})
    assert out.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]
