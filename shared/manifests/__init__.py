"""Owns manifests: from YAML to the environments in force; never writes a manifest.

``parse_manifest`` reads one text, ``read_manifests`` a whole folder or container with the checks
across files, ``ManifestSource`` the same again and again at the cost of a listing.
"""

from shared.manifests.parsing import parse_manifest, schema, version_of
from shared.manifests.problem import ManifestError, Problem
from shared.manifests.source import Declared, Manifests, ManifestSource, read_manifests

__all__ = [
    "Declared",
    "ManifestError",
    "ManifestSource",
    "Manifests",
    "Problem",
    "parse_manifest",
    "read_manifests",
    "schema",
    "version_of",
]
