"""Every link between the project's own Markdown files leads somewhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """The Markdown files that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    listed = [ROOT / name for name in ran.stdout.split("\0") if name]
    found = listed or [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]  # without git
    return sorted(page for page in found if page.is_file())


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


def dead(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for pair in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        link = pair[0] or pair[1]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert dead(page) == []


def test_a_dead_link_and_a_dead_anchor_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# There it is\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](gone.md) [b](other.md#there-it-is) [c](other.md#nowhere) [d](https://example.com)\n"
        "```\n[e](in-code.md)\n```\n"
    )
    assert dead(page) == ["gone.md", "other.md#nowhere"]


def test_the_front_page_leads_to_each_document() -> None:
    front = (ROOT / "README.md").read_text("utf-8")
    documents = sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))
    assert documents
    assert [name for name in documents if f"]({name})" not in front] == []
