"""``relink schema``: what a manifest may say, for editors."""

from __future__ import annotations

import json

import typer

from cli.shell import shell_of

EXAMPLES = """\b
Examples:
  relink schema > environment.schema.json
"""


def schema(ctx: typer.Context) -> None:
    """Print the JSON Schema of a manifest."""
    shell_of(ctx).text(schema_text())


def schema_text() -> str:
    """The schema as it is printed, published, and laid beside captured manifests."""
    from shared.manifests import schema as manifest_schema  # noqa: PLC0415 - --help must stay quick

    return json.dumps(manifest_schema(), indent=2)
