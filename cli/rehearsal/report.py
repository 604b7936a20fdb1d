"""Owns the report of a rehearsal: Markdown, and HTML in one file, for a change request."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from cli.rehearsal.picture import draw
from cli.rehearsal.story import Hurt, Played, Story
from cli.topology import Topology

_STYLE = """\
body{font:15px/1.5 sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2328}
table{border-collapse:collapse}td,th{border:1px solid #d0d7de;padding:.3rem .6rem;text-align:left}
pre{background:#f6f8fa;padding:1rem;overflow-x:auto;font-size:12px}svg{width:100%;height:auto}
.good{color:#1a7f37}.bad{color:#cf222e}"""
_HEADS = ("incident", "ended", "Relink reported", "writes", "seconds")
_HURT = ("resource", "what was found", "found after", "back after")


def markdown(story: Story) -> str:
    """The report as Markdown."""
    lines = [f"# Rehearsal of {story.environment}", "", *_summary(story), ""]
    lines += [*_table(_HEADS, [_row(each) for each in story.played]), ""]
    for played in story.played:
        lines += [f"## {played.title}", ""]
        if played.skipped:
            lines += [f"Not played: {played.skipped}.", ""]
            continue
        lines += [f"{_verdict(played)} It has to end so: {played.wanted}.", ""]
        lines += [f"- {problem}" for problem in played.problems]
        lines += [*_table(_HURT, [_hurt(each) for each in played.hurt]), ""]
        lines += ["```text", *(line.rstrip() for line in played.timeline), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def html(story: Story, topology: Topology) -> str:
    """The report as one HTML file, with a picture of the environment an incident."""
    title = f"Rehearsal of {escape(story.environment)}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{title}</h1>",
        *(f"<p>{escape(line)}</p>" for line in _summary(story) if line),
        _html_table(_HEADS, [_row(each) for each in story.played]),
    ]
    for played in story.played:
        parts.append(f"<h2>{escape(played.title)}</h2>")
        if played.skipped:
            parts.append(f"<p>Not played: {escape(played.skipped)}.</p>")
            continue
        mark = "good" if played.good else "bad"
        parts.append(
            f'<p class="{mark}">{escape(_verdict(played))}</p><p>It has to end so: '
            f"{escape(played.wanted)}.</p>"
        )
        parts += [f'<p class="bad">{escape(problem)}</p>' for problem in played.problems]
        parts.append(draw(topology, {each.resource: each for each in played.hurt}))
        parts.append(_html_table(_HURT, [_hurt(each) for each in played.hurt]))
        timeline = "\n".join(escape(line.rstrip()) for line in played.timeline)
        parts.append(f"<details><summary>Timeline</summary><pre>{timeline}</pre></details>")
    return "\n".join([*parts, "</body></html>", ""])


def _summary(story: Story) -> Iterator[str]:
    played = [each for each in story.played if not each.skipped]
    good = sum(each.good for each in played)
    yield f"{good} of {len(played)} incidents ended as they should (manifest {story.version})."
    yield ""
    yield (
        "Played on a simulated copy of the environment, with the real app; Azure's operations ran "
        f"{story.speed:.0f} times as fast as Azure's own. Seconds count from an incident's first move."
    )
    for note in story.notes:
        yield f"- {note}"


def _verdict(played: Played) -> str:
    return "Ended as it should." if played.good else "Did not end as it should."


def _row(played: Played) -> tuple[str, ...]:
    if played.skipped:
        return (played.title, "not played", "", "", "")
    ended = "as it should" if played.good else "NOT as it should"
    return (played.title, ended, played.outcome, str(played.writes), f"{played.seconds:.1f}")


def _hurt(hurt: Hurt) -> tuple[str, ...]:
    back = f"{hurt.back_after:.1f} s" if hurt.back_after is not None else hurt.outcome
    kind = hurt.resource.type.rpartition("/")[2]
    return (
        f"{kind} {hurt.resource.name}",
        ", ".join(hurt.reasons),
        f"{hurt.found_after:.1f} s",
        back,
    )


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    yield from (f"| {' | '.join(cell.replace('|', '\\|') for cell in row)} |" for row in rows)


def _html_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
