"""Frames in Python: COBS and CRC, everything that is no frame, and the page that describes them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeloom.firmware.host.frames import (
    Frame,
    FrameReader,
    cobs_decode,
    cobs_encode,
    decode_frame,
    encode_frame,
)
from spikeloom.hw.link.protocol import PAYLOAD_BYTES, FrameType

PAGE = Path(__file__).resolve().parents[3] / "docs" / "link-protocol.md"
NUMBER = st.integers(0, 255)
FRAMES = st.builds(
    Frame,
    type=st.sampled_from(FrameType),
    seq=NUMBER,
    ack=NUMBER,
    limit=NUMBER,
    poll=st.booleans(),
    resend=st.booleans(),
    payload=st.binary(max_size=PAYLOAD_BYTES),
)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("", "01"),
        ("00", "0101"),
        ("0000", "010101"),
        ("11223300", "0411223301"),
        ("1100000011", "021101010211"),
        ("01" * 254, "ff" + "01" * 254),
        ("01" * 255, "ff" + "01" * 254 + "0201"),
        ("01" * 254 + "00", "ff" + "01" * 254 + "0101"),
    ],
)
def test_published_examples_of_cobs(data, line):
    assert cobs_encode(bytes.fromhex(data)).hex() == line
    assert cobs_decode(bytes.fromhex(line)) == bytes.fromhex(data)


@given(st.lists(st.sampled_from([b"\0", b"\1", b"\xff", b"\2" * 253, b"\3" * 254])).map(b"".join))
def test_cobs_has_no_zero_and_comes_back(data):
    assert 0 not in cobs_encode(data)
    assert cobs_decode(cobs_encode(data)) == data


@given(FRAMES)
def test_frames_come_back(frame):
    assert FrameReader().frames(encode_frame(frame)) == [frame]


@given(FRAMES, st.data())
def test_a_flipped_bit_is_found(frame, data):
    line = bytearray(encode_frame(frame))
    at = data.draw(st.integers(0, len(line) - 2))
    line[at] ^= 1 << data.draw(st.integers(0, 7))
    assert frame not in FrameReader().frames(bytes(line))


@given(st.lists(st.binary(max_size=400)))
def test_no_bytes_are_an_error(pieces):
    """However it is cut, the reader finds the same frames, and never fails."""
    reader = FrameReader()
    frames = [frame for piece in pieces for frame in reader.frames(piece)]
    assert len(frames) == sum(bool(part) for part in b"".join(pieces).split(b"\0")[:-1])
    assert len(reader._line) < 300


def test_a_payload_that_is_too_long():
    frame = Frame(type=FrameType.TOKENS, seq=0, ack=0, limit=0, payload=bytes(PAYLOAD_BYTES + 1))
    with pytest.raises(ValueError, match="Payload must have at most 246 bytes, not 247"):
        encode_frame(frame)


def examples():
    block = PAGE.read_text(encoding="utf-8").split("## Examples")[1].split("```")[1]
    return [[part.strip() for part in line.split("|")] for line in block.strip().splitlines()]


@pytest.mark.parametrize(("what", "content", "line"), examples(), ids=lambda text: text[:30])
def test_examples_of_the_page(what, content, line):
    raw, on_line = bytes.fromhex(content), bytes.fromhex(line)
    assert cobs_encode(raw) + b"\0" == on_line
    frame = decode_frame(on_line[:-1])
    assert frame is not None
    assert encode_frame(frame) == on_line
    named = re.search(r"frame (\d+)", what)
    if frame.type in (FrameType.COMMAND, FrameType.TOKENS):
        assert named is not None
        assert frame.seq == int(named[1])
    assert frame.poll == ("poll" in what)
    assert frame.resend == ("resend" in what or "again" in what)
    if frame.type is FrameType.TOKENS:
        assert bytes.fromhex(re.findall(r"tokens ((?:[0-9a-f]{2} ?)+)", what)[0]) == frame.payload


def test_the_page_has_examples_of_both_sides():
    sides = {what.split()[0] for what, _, _ in examples()}
    assert sides == {"host", "board"}
    assert {decode_frame(bytes.fromhex(line)[:-1]).type for *_, line in examples()} >= {  # pyright: ignore
        FrameType.OPEN,
        FrameType.STATUS,
        FrameType.COMMAND,
        FrameType.TOKENS,
    }
