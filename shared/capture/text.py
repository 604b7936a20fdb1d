"""Owns how a draft becomes YAML: comments that explain each section, one stable order, no folding."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter

from shared.capture.access import Item
from shared.capture.draft import Draft, Section
from shared.model.environment import API_VERSION
from shared.model.resource_id import ResourceId
from shared.model.roles import ALLOWED_ROLES

_WIDTH: Final = 96
_LONGEST_NAME: Final = 63
_HEADER: Final = """\
The declared state of one environment, captured from Azure. Relink puts back what differs from it.
Read it before you trust it: what is written here is what will be restored. Keep it under version
control; after an intended change, capture again or edit it by hand."""
SCHEMA_FILE: Final = "environment.schema.json"
"""What editors look for beside a manifest: the schema as ``relink schema`` prints it."""
_EDITOR: Final = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
_MODE: Final = """\
What a run may do: off, observe, approve or remediate. The app's RELINK_MODE is a ceiling over it."""
_ISOLATION: Final = """\
Which documented scenario this is: none, dependencies (a public workspace) or private. What
contradicts it is reported."""
_SECTIONS: Final = {
    "workspaces": "Workspaces, with what is associated with them. Public access is kept as written.",
    "storageAccounts": """\
Network access of storage accounts: public access, what the firewall does by default, and whether
trusted Azure services are let in. Rules for addresses, networks and resources are never touched.""",
    "keyVaults": "Network access of key vaults, in the same words.",
    "registries": "Network access of container registries, in the same words.",
    "clusters": "Clusters that computes are attached from. Relink never starts, stops or changes them.",
    "applicationInsights": """\
Application Insights: who may send to it and ask it from public networks. Reported, never changed.""",
    "virtualNetworks": """\
Networks: their side of the peerings between them, and what is required of the subnets in use.
Peerings and service endpoints are put back; anything else about a subnet is reported.""",
    "networkSecurityGroups": """\
Security groups of these subnets, with the rules that must be in them. Other rules are left alone.""",
    "privateDnsZones": """\
Zones of the endpoints' names, with the links by which these networks resolve them. A lost link is
put back; a lost zone is reported.""",
    "privateEndpoints": """\
Private endpoints, each as a complete writable body: it is what a lost one is made from again.
zoneGroup: the DNS zones that Azure writes its records to. records: A records that nobody but you
keeps (Azure writes none for API servers); their address is the endpoint's, whatever it is then.""",
    "computes": """\
Kubernetes computes, each as a complete writable body. roles: what the identity that Azure makes at
each attach is given; identities that you made yourself keep theirs.""",
    "managedComputes": """\
Compute clusters and instances: where they lie and who reaches them. Reported, never changed.""",
    "identities": """\
Identities of your own that the environment runs as, with their roles. Roles on Relink's closed list
are put back; any other is reported with the command that gives it.""",
}


def write(draft: Draft) -> str:
    """The manifest's text. The same draft gives the same text."""
    parts = [
        _EDITOR,
        _comment(_HEADER),
        f"apiVersion: {API_VERSION}\nkind: Environment\nname: {draft.name}\n\n",
        _comment(_MODE),
        "mode: remediate\n",
    ]
    if draft.cloud != "public":
        parts.append(f"\ncloud: {draft.cloud}\n")
    if draft.isolation:
        parts.append(f"\n{_comment(_ISOLATION)}isolation: {draft.isolation}\n")
    parts += [_section(section) for section in draft.sections if section.items]
    parts += list(_left_out(draft))
    return "".join(parts)


def name_for(workspace: ResourceId) -> str:
    """An environment name made of a workspace's: ``[a-z0-9-]``, at most 63 characters."""
    plain = re.sub(r"[^a-z0-9]+", "-", workspace.name.lower()).strip("-")
    return plain[:_LONGEST_NAME].rstrip("-") or "environment"


def _section(section: Section) -> str:
    items = "".join(_item(item) for item in section.items)
    return f"\n{_comment(_SECTIONS[section.key])}{section.key}:\n{items}"


def _item(item: Item) -> str:
    remarks = "".join(_comment(f"Look: {remark}.", "  ") for remark in item.remarks)
    text = _yaml([item.body])
    return remarks + (_with_role_names(text) if "roles" in item.body else text)


def _with_role_names(text: str) -> str:
    """Each role's guid with the name that people know beside it."""
    lines = []
    for line in text.splitlines():
        guid = line.rpartition("role: ")[2].strip() if "role: " in line else ""
        name = ALLOWED_ROLES.get(guid)
        lines.append(f"{line}  # {name}" if name else line)
    return "\n".join(lines) + "\n"


def _left_out(draft: Draft) -> Iterator[str]:
    if draft.unread:
        listed = "\n\n".join(f"- {line}" for line in draft.unread)
        yield "\n" + _comment(f"Not captured, because it could not be read:\n\n{listed}")


def _comment(text: str, indent: str = "") -> str:
    """``text`` as comment lines, a paragraph a blank line apart; ids are never broken."""
    lines = [
        piece
        for paragraph in text.split("\n\n")
        for piece in textwrap.wrap(
            paragraph, _WIDTH - len(indent), break_long_words=False, break_on_hyphens=False
        )
    ]
    return "".join(f"{indent}# {line}\n" for line in lines)


class _Emitter(Emitter):
    """Ids are keys under userAssignedIdentities; YAML allows keys of 1024 characters."""

    MAX_SIMPLE_KEY_LENGTH = 1000


def _yaml(value: Any) -> str:  # noqa: ANN401 - JSON
    """``value`` as block YAML, two spaces further in."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Emitter = _Emitter
    yaml.width = 1 << 20  # an id on two lines could be found by nobody
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # ruamel means bool
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda _: True
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()
