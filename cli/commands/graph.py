"""``relink graph``: a declared environment as a Mermaid diagram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.shell import shell_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.topology import Box, Topology

EXAMPLES = """\b
Examples:
  relink graph prod.yaml
  relink graph prod.yaml > prod.mmd
  relink graph prod.yaml --json | jq '.lines[]'
"""
_SHAPES = {
    "endpoint": ("([", "])"),
    "cluster": ("{{", "}}"),
    "workspace": ("[", "]"),
    "store": ("[(", ")]"),
    "compute": ("[[", "]]"),
}
"""Mermaid's brackets of each sort of box."""


def graph(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A manifest (*.yaml).")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print networks, endpoints, clusters, computes and what they lead to as Mermaid. Reads no Azure."""
    from cli.session import read_file  # noqa: PLC0415 - --help must stay quick
    from cli.topology import topology_of  # noqa: PLC0415 - the same

    shell = shell_of(ctx)
    topology = topology_of(read_file(file).environment)
    if as_json:
        shell.document(_document(topology))
    else:
        shell.text("\n".join(_mermaid(topology)))


def _document(topology: Topology) -> dict[str, object]:
    boxes = [
        {
            "id": box.id.text,
            "name": box.name,
            "sort": box.sort.value,
            "detail": box.detail,
            "inside": box.inside.text if box.inside else None,
        }
        for box in topology.boxes
    ]
    lines = [
        {"from": line.start.text, "to": line.end.text, "words": line.words}
        for line in topology.lines
    ]
    return {"environment": topology.name, "boxes": boxes, "lines": lines}


def _mermaid(topology: Topology) -> Iterator[str]:
    from cli.topology import Sort  # noqa: PLC0415 - --help must stay quick

    keys = {box.id: f"n{number}" for number, box in enumerate(topology.boxes)}
    yield "flowchart LR"
    for network in topology.of(Sort.NETWORK):
        yield f'  subgraph {keys[network.id]}["{_text(network.name)}"]'
        inside = [box for box in topology.of(Sort.ENDPOINT) if box.inside == network.id]
        yield from (f"    {_node(keys[box.id], box)}" for box in inside)
        yield "  end"
    for box in topology.boxes:
        if box.sort not in {Sort.NETWORK, Sort.ENDPOINT}:
            yield f"  {_node(keys[box.id], box)}"
    for line in topology.lines:
        words = f"|{_text(line.words)}|" if line.words else ""
        yield f"  {keys[line.start]} -->{words} {keys[line.end]}"


def _node(key: str, box: Box) -> str:
    left, right = _SHAPES[box.sort]
    detail = f"<br/>{_text(box.detail)}" if box.detail else ""
    return f'{key}{left}"{_text(box.name)}{detail}"{right}'


def _text(words: str) -> str:
    """Words inside of Mermaid's quotes; names of Azure hold nothing else that it minds."""
    return words.replace('"', "#quot;")
