from __future__ import annotations

import json

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.manifests import (
    ManifestError,
    Problem,
    parse_manifest,
    schema,
)
from shared.manifests.yaml_text import read_yaml
from tests.shared.declared import (
    ACR_PULL,
    AKS_ZONE,
    CLUSTER,
    MANIFEST,
    STORAGE,
    SUBNET,
    WORKSPACE,
    line_of,
    manifest,
)


def problems_of(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "prod.yaml")
    return caught.value.problems


def test_a_whole_manifest_is_read() -> None:
    environment = parse_manifest(MANIFEST, "prod.yaml")
    assert environment.name == "prod"
    assert len(list(environment.parts())) == 7
    assert environment.private_endpoints[1].to_cluster is True
    assert environment.computes[0].roles[0].role == ACR_PULL


def test_a_json_manifest_is_a_yaml_manifest() -> None:
    as_json = json.dumps(read_yaml(MANIFEST, "f").value)
    assert parse_manifest(as_json, "f") == parse_manifest(MANIFEST, "f")


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ("relink/v1", "relink/v9", "apiVersion", "'relink/v1'"),
        ("name: prod", "name: Prod!", "name", "a-z0-9"),
        ("name: prod", "name: health", "name", "not allowed as a name"),
        ("name: prod", "name: -prod", "name", "not allowed as a name"),
        ("name: prod", "name: 12", "name", "string"),
        ("trustedServices: true", "trustedServices: 'true'", "storageAccounts[0].trustedServices", "bool"),
        ("trustedServices: true", "trustedServies: true", "storageAccounts[0].trustedServies", "did you mean 'trustedServices'"),
        ("name: prod", "name: prod\nwindow: {start: '01:00', end: '05:00', timezone: Mars/Base}", "window.timezone", "Europe/Berlin"),
        ("name: prod", "name: prod\nwindow: {start: '01:00', end: '05:00', days: []}", "window.days", "at least 1"),
        ("kind: Environment", "knd: Environment", "knd", "did you mean 'kind'"),
        ("name: aks-dns", "name: a b", "privateEndpoints[1].records[0].name", "not a record name"),
        ("name: aks-dns", "name: aks-dns\n        ttl: 0", "privateEndpoints[1].records[0].ttl", "greater than or equal to 1"),
        ("name: aks-dns", "nam: aks-dns", "privateEndpoints[1].records[0].nam", "did you mean 'name'"),
        (f"storageAccount: {STORAGE}", f"storageAccount: {CLUSTER}", "workspaces[0].storageAccount", "microsoft.storage/storageaccounts"),
        (f"storageAccount: {STORAGE}", f"storageAccount: {STORAGE}/../x", "workspaces[0].storageAccount", "not a resource type"),
        (f"role: {ACR_PULL}", "role: AcrPull", "computes[0].roles[0].role", "0-9a-fA-F"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_told_with_its_line_and_what_is_allowed(
    old: str, new: str, field: str, message: str
) -> None:
    text = manifest((old, new))
    told = [problem for problem in problems_of(text) if problem.field == field]
    assert [problem.line for problem in told] == [line_of(text, new.splitlines()[-1].strip())]
    assert message in str(told[0])
    assert str(told[0]).startswith(f"prod.yaml:{told[0].line}:")


def test_a_missing_field_points_to_what_lacks_it() -> None:
    text = manifest((f"  - id: {CLUSTER}\n", "  - vnetIntegration: false\n"))
    told = {problem.field: problem for problem in problems_of(text)}
    assert told["clusters[0].id"].message == "is required"
    assert told["clusters[0].id"].line == line_of(text, "vnetIntegration")


def test_a_body_that_lacks_something_is_told_in_its_own_words() -> None:
    text = manifest((f"subnet: {{id: {SUBNET}}}", "subnet: {}"))
    told = problems_of(text)
    assert {problem.field for problem in told} == {"privateEndpoints[0]", "privateEndpoints[1]"}
    assert "subnet.id is not a resource id" in told[0].message


def test_an_id_that_several_parts_disagree_about_has_a_line() -> None:
    text = manifest((f"clusters:\n  - id: {CLUSTER}\n", ""))
    (told,) = problems_of(text)
    assert "not listed under clusters" in told.message
    assert CLUSTER in text.splitlines()[told.line - 1]


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    text = manifest(("relink/v1", "v1"), ("Disabled", "Closed"), ("trustedServices", "trusted"))
    told = problems_of(text)
    assert len(told) == 5
    assert [problem.line for problem in told] == sorted(problem.line for problem in told)


def test_a_record_of_two_endpoints_is_refused() -> None:
    shared = f"    records:\n      - {{zone: {AKS_ZONE}, name: AKS-dns}}\n    zoneGroup:\n"
    (told,) = problems_of(manifest(("    zoneGroup:\n", shared)))
    assert told.field == "privateEndpoints[1].records[0]"
    assert "another endpoint" in told.message


def test_a_record_of_two_endpoints_is_taken_where_both_say_that_it_is_shared() -> None:
    mine = (
        f"    records:\n      - {{zone: {AKS_ZONE}, name: AKS-dns, shared: true}}\n    zoneGroup:\n"
    )
    theirs = ("name: aks-dns", "name: aks-dns\n        shared: true")
    read = parse_manifest(manifest(("    zoneGroup:\n", mine), theirs), "prod.yaml")
    assert all(record.shared for e in read.private_endpoints for record in e.records)
    (told,) = problems_of(manifest(("    zoneGroup:\n", mine)))
    assert "shared: true at each" in str(told)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "is no manifest"),
        ("- a\n- b\n", 1, "is no manifest"),
        ("just text", 1, "is no manifest"),
        ("a: [1, 2\nb: 3\n", 2, "is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "is not YAML"),
        ("a: b: c\n", 1, "is not YAML"),
        ("a: 1\nb: 2\na: 3\n", 3, "given twice, first on line 1"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "given twice, first on line 2"),
        ("a: 1\n1: 2\n", 2, "a key must be a text"),
        ("? [a, b]\n: c\n", 1, "a key must be a text"),
        ("a: &anchor 1\n", 1, "anchors are not read"),
        ("a: 1\nb: *anchor\n", 2, "aliases are not read"),
        ("<<: *anchor\n", 1, "aliases are not read"),
        ("a: !!python/object:os.system x\n", 1, "tags are not read"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: .inf\n", 1, "is no number"),
        ("a: 007\n", 1, "is no number"),
        ("[" * 5000, 1, "nested deeper than 40"),
        ("a: \x07\n", 0, "is not YAML"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_text_that_is_no_manifest_is_refused_at_its_line(
    text: str, line: int, message: str
) -> None:
    told = problems_of(text)
    assert any(message in problem.message and problem.line == line for problem in told), told


def test_a_text_over_a_megabyte_is_refused_unread() -> None:
    (told,) = problems_of("a: " + "x" * 1024 * 1024)
    assert told.message == "is too large"


def test_scalars_are_those_of_json() -> None:
    text = (
        "a: [1, -2, 0x1F, 0o17, 1.5, 1e3, true, False, null, ~, yes, 22:00, 2026-11-01, '1', 1_0]"
    )
    assert read_yaml(text, "f").value == {
        "a": [1, -2, 31, 15, 1.5, 1000.0, True, False, None, None, "yes", "22:00", "2026-11-01", "1", "1_0"]
    }  # fmt: skip


NAMES = st.text("abcxyz", min_size=1, max_size=6)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text("ab1 :-{}[]#'\"\n.é", max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(value=st.dictionaries(NAMES, VALUES, max_size=4))
def test_every_json_value_comes_out_of_yaml_as_it_went_in(value: dict[str, object]) -> None:
    assert read_yaml(json.dumps(value), "f").value == value


@given(text=st.text("ab:-{}[]#'\"\n &*!|>?%@,~ 01", max_size=40))
def test_no_text_raises_anything_but_manifest_error(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "f")
    assert caught.value.problems


def test_the_schema_accepts_what_is_valid_and_refuses_what_is_not() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    document = read_yaml(MANIFEST, "f").value
    assert list(validator.iter_errors(document)) == []
    document["workspaces"][0]["publicNetworkAccess"] = "Closed"
    assert [error.json_path for error in validator.iter_errors(document)] != []
    assert WORKSPACE in json.dumps(document)


def test_of_many_problems_the_first_are_told_and_the_others_counted() -> None:
    """Each is part of every answer about the manifests; 100,000 keys made 30 MB of it."""
    text = "".join(f"k{number}: 1\n" for number in range(2000))
    with pytest.raises(ManifestError) as caught:
        parse_manifest(text, "many.yaml")
    assert len(caught.value.problems) == 51
    assert any("and 1952 more" in str(problem) for problem in caught.value.problems)
