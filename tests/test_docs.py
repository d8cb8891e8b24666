"""Links in the documentation lead somewhere, and what it says of the command line is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, by the rule of GitHub."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, (
            f"docs/README.md does not list {page.name}"
        )


def test_every_verb_is_described(cli) -> None:
    text = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    verbs = (
        "demo",
        "inspect",
        "compile",
        "simulate",
        "verify",
        "build",
        "load",
        "link",
        "flash",
        "run",
        "firmware",
        "encode",
        "boards",
    )
    for verb in verbs:
        assert f"spikeloom {verb}" in text
        options = re.findall(r"(?<=[\s│])(--[a-z][a-z-]+)", cli(verb, "--help").out)
        for option in options:
            assert option == "--help" or option in text, (
                f"docs/command-line.md does not name {option} of {verb}"
            )
