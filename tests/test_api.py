"""What `import spikeloom` offers: all of it is there, all of it is documented, none of it is loaded early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import spikeloom

from .cli_runner import Small

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize("name", spikeloom.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    assert getattr(spikeloom, name) is not None
    if name != "__version__":
        assert f"`{name}" in (DOCS / "api.md").read_text(encoding="utf-8")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'spikeloom' has no attribute 'compile_all'"):
        spikeloom.compile_all  # noqa: B018


def test_import_loads_none_of_the_libraries() -> None:
    libraries = {"numpy", "numba", "amaranth", "h5py", "rich"}
    code = f"import sys, spikeloom; print(*sorted({libraries} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "\n"


def test_the_example_of_the_readme(small: Small, tmp_path: Path) -> None:
    """The lines in README.md run as they stand, with files of these names."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    block = readme.split("```python\n")[1].split("```")[0]
    files = {"model.nir": small.model, "calibration.npz": small.data, "test.npz": small.data}
    for name, file in files.items():
        (tmp_path / name).write_bytes(file.read_bytes())
    lines = [line for line in block.splitlines() if "board=" not in line and ".bitstream" not in line]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "0 mismatches" in done.stdout
