"""Samples from files: what is accepted, and the one line that says why the rest is not."""

import contextlib
import io
import zipfile

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.sim import archive
from spikeloom.sim.data import load_samples

SHAPE = (2, 3)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture
def counts():
    return np.random.default_rng(1).integers(0, 256, (4, 5, *SHAPE)).astype(np.uint8)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data.npz"


def refused(path, **options):
    with pytest.raises(UserError) as error:
        load_samples(path, **{"shape": SHAPE, **options})
    message = str(error.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def test_counts_and_labels(file, counts):
    samples = load_samples(save(file, x=counts, y=np.asarray([3, 0, 2, 9], dtype=np.uint8)), shape=SHAPE)
    np.testing.assert_array_equal(samples.x, counts)
    assert samples.x.dtype == np.uint8
    assert samples.y is not None
    assert samples.y.dtype == np.int64
    assert samples.y.tolist() == [3, 0, 2, 9]


def test_labels_may_be_absent_and_channels_flat(file, counts):
    samples = load_samples(save(file, x=counts.reshape(4, 5, 6)), shape=SHAPE)
    np.testing.assert_array_equal(samples.x, counts)
    assert samples.y is None


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint32, np.int64, ">i4", bool])
def test_whole_numbers_that_fit_become_counts(file, counts, dtype):
    values = (counts % 100 if np.dtype(dtype) != bool else counts > 99).astype(dtype)
    x = load_samples(save(file, x=values), shape=SHAPE).x
    assert x.dtype == np.uint8
    np.testing.assert_array_equal(x, values)


def test_limit_and_steps_cut(file, counts):
    path = save(file, x=counts, y=np.arange(4))
    samples = load_samples(path, shape=SHAPE, limit=2, steps=3)
    np.testing.assert_array_equal(samples.x, counts[:2, :3])
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1]
    assert len(load_samples(path, shape=SHAPE, limit=99).x) == 4


@pytest.mark.parametrize("compressed", [False, True])
def test_column_major_arrays_and_compression(file, counts, compressed):
    (np.savez_compressed if compressed else np.savez)(file, x=np.asfortranarray(counts))
    np.testing.assert_array_equal(load_samples(file, shape=SHAPE, limit=3).x, counts[:3])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "FILE: has no array x, only nothing"),
        ({"images": [1], "y": [1]}, "FILE: has no array x, only images, y"),
        (
            {"x": np.zeros((4, 5, 3, 2), np.uint8)},
            "FILE: x must have the shape (samples, steps, 2, 3), not (4, 5, 3, 2)",
        ),
        ({"x": np.zeros(6, np.uint8)}, "FILE: x must have the shape (samples, steps, 2, 3), not (6,)"),
        ({"x": np.uint8(1)}, "FILE: x must have the shape (samples, steps, 2, 3), not ()"),
        ({"x": np.zeros((0, 5, 6), np.uint8)}, "FILE: x has no samples"),
        ({"x": np.zeros((4, 0, 6), np.uint8)}, "FILE: x has no steps"),
        (
            {"x": np.zeros((4, 5, 6), np.float32)},
            "FILE: x must be spike counts 0 .. 255, not float32; `spikeloom encode` makes them from values",
        ),
        ({"x": np.full((4, 5, 6), 256)}, "FILE: x must be spike counts 0 .. 255, not 256 .. 256"),
        ({"x": np.full((4, 5, 6), -1)}, "FILE: x must be spike counts 0 .. 255, not -1 .. -1"),
        ({"x": np.full((4, 5, 6), "a")}, "FILE: array x must be of numbers, not <U1"),
        ({"x": np.zeros((4, 5, 6), complex)}, "FILE: array x must be of numbers, not complex128"),
        (
            {"x": np.zeros((4, 5, 6), np.uint8), "y": [1, 2, 3]},
            "FILE: labels y must have the shape (4,), not (3,)",
        ),
        (
            {"x": np.zeros((2, 5, 6), np.uint8), "y": [[1], [2]]},
            "FILE: labels y must have the shape (2,), not (2, 1)",
        ),
        (
            {"x": np.zeros((2, 5, 6), np.uint8), "y": [1.0, 2.0]},
            "FILE: labels y must be whole numbers, not float64",
        ),
        (
            {"x": np.zeros((2, 5, 6), np.uint8), "y": [1, -1]},
            "FILE: labels y must be 0 .. 2147483647, not -1 .. 1",
        ),
        (
            {"x": np.zeros((2, 5, 6), np.uint8), "y": np.asarray([1, 2**63 + 1], np.uint64)},
            "FILE: labels y must be 0 .. 2147483647, not 1 .. 9223372036854775809",
        ),
    ],
)
def test_arrays_that_do_not_fit(file, arrays, message):
    assert refused(save(file, **arrays)) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "Limit must be at least 1, not 0"),
        ({"steps": -1}, "Steps must be at least 1, not -1"),
        ({"steps": 6}, "FILE: x has 5 steps, not 6"),
        ({"bin_us": 1000}, "FILE: holds no event lists, so it takes no bin width"),
    ],
)
def test_options_that_do_not_fit(file, counts, options, message):
    assert refused(save(file, x=counts), **options) == message


def test_files_that_are_no_archives(tmp_path, counts):
    assert refused(tmp_path / "none.npz") == "FILE: no such file"
    assert refused(tmp_path) == "FILE: cannot be read: Is a directory"
    for name, content in {"empty": b"", "text": b"hello", "npy": b"\x93NUMPY\x01\x00"}.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert refused(path) == "FILE: not an .npz file, or a truncated one"


def test_truncated_files_and_flipped_bytes(file, counts):
    whole = save(file, x=counts).read_bytes()
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        assert refused(file) == "FILE: not an .npz file, or a truncated one"
    at = whole.index(counts.tobytes()[:32])
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert refused(file) == "FILE: array x is damaged, or not a NumPy array"


def test_any_flipped_byte_gives_samples_or_one_line(file):
    np.savez_compressed(file, x=np.ones((2, 2, 6), np.uint8), y=np.arange(2))
    whole = file.read_bytes()
    for at in range(len(whole)):
        for bit in (1, 64):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
            with contextlib.suppress(UserError):
                load_samples(file, shape=SHAPE)


class Evil:
    def __reduce__(self):
        return (print, ("unpickled",))


def test_nothing_is_unpickled(file, capsys):
    np.savez(file, allow_pickle=True, x=np.asarray([Evil()], dtype=object))
    assert refused(file) == "FILE: array x must be of numbers, not object"
    assert capsys.readouterr().out == ""


def raw_array(header, data=b""):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            raw_array({"shape": (1 << 40, 1, 6), "fortran_order": False, "descr": "|u1"}),
            f"FILE: array x has {6 << 40} bytes, at most 4294967296 are accepted",
        ),
        (raw_array({"shape": (-1, -1, 6), "fortran_order": False, "descr": "|u1"}, b"123456"), None),
        (raw_array({"shape": (2, 1, 6), "fortran_order": False, "descr": "|u1"}, b"123456"), None),
        (b"\x93NUMPY\x01\x00\xff\xff{'descr'", None),
        (b"junk", None),
    ],
)
def test_headers_that_lie(file, content, message):
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("x.npy", content)
    assert refused(file) == (message or "FILE: array x is damaged, or not a NumPy array")


def test_names_from_the_file_cannot_reach_the_terminal(file):
    with zipfile.ZipFile(file, "w") as out:
        for k in range(20):
            out.writestr(f"\x1b[31m{k:02}\n.npy", b"")
    message = refused(file)
    assert "\x1b" not in message
    assert message.count(",") == archive._NAMES_SHOWN
