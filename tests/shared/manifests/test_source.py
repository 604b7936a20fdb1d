from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.manifests import (
    Manifests,
    ManifestSource,
    read_manifests,
    version_of,
)
from shared.records import FolderStore, Mark, Records, Stored, StoreUnavailableError
from shared.records.bounded import BoundedStore
from shared.records.deadline import within
from shared.settings import Settings
from tests.shared.declared import (
    ACR_PULL,
    AKS_ZONE,
    BLOB_ENDPOINT,
    HUB,
    OWNER,
    REGISTRY,
    SUBSCRIPTION,
    line_of,
    manifest,
)

IDENTITY = f"{HUB}/resourceGroups/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u"


class Shop:
    """A folder of manifests with its records, as a deployment has them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "environments"
        self.folder.mkdir()
        self.store = FolderStore(self.folder)
        self.records = Records(
            FolderStore(folder / "records"), lambda: datetime(2026, 11, 1, tzinfo=UTC)
        )
        self.settings = settings()

    def put(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text)

    def read(self, settings: Settings | None = None) -> Manifests:
        """As a fresh process would."""
        return read_manifests(self.store, self.records, settings or self.settings)

    def source(self) -> ManifestSource:
        return ManifestSource(self.store, self.records, self.settings)


def settings(scopes: str = "") -> Settings:
    return Settings.read({"RELINK_ENVIRONMENTS": "file:///x", "RELINK_SCOPES": scopes})


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def messages(manifests: Manifests, file: str) -> str:
    return "\n".join(str(problem) for problem in manifests.problems if problem.file == file)


def test_every_yaml_file_is_an_environment_with_its_version(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    shop.put("test.yml", manifest(name="test", group="test"))
    shop.put("README.md", "no manifest")
    manifests = shop.read()
    assert manifests.problems == ()
    assert sorted(manifests.environments) == ["prod", "test"]
    prod = manifests.environments["prod"]
    assert (prod.version, prod.source, prod.stale) == (version_of(manifest()), "prod.yaml", False)
    assert all(part.owned for part in prod.environment.parts())


def test_one_bad_manifest_stops_no_other(shop: Shop) -> None:
    shop.put("bad.yaml", manifest(("Disabled", "Closed"), name="bad"))
    shop.put("binary.yaml", "")
    (shop.folder / "binary.yaml").write_bytes(b"name: \xff\xfe")
    shop.put("prod.yaml", manifest())
    manifests = shop.read()
    assert sorted(manifests.environments) == ["prod"]
    assert "'Closed'" in messages(manifests, "bad.yaml")
    assert "UTF-8" in messages(manifests, "binary.yaml")


def test_no_manifest_at_all_is_a_problem(shop: Shop) -> None:
    assert [problem.message for problem in shop.read().problems] == ["no manifest"]


def test_an_invalid_edit_keeps_the_last_good_version_in_force(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    shop.read()
    shop.put("prod.yaml", manifest(("Disabled", "Closed")))
    manifests = shop.read()
    prod = manifests.environments["prod"]
    assert (prod.version, prod.stale) == (version_of(manifest()), True)
    assert f"version {prod.version} of it stays in force" in messages(manifests, "prod.yaml")
    shop.put("prod.yaml", manifest(("trustedServices: true", "trustedServices: false")))
    mended = shop.read()
    assert mended.environments["prod"].stale is False
    assert mended.problems == ()


def test_a_removed_manifest_is_no_longer_in_force(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    shop.read()
    (shop.folder / "prod.yaml").unlink()
    assert shop.read().environments == {}


def test_without_records_an_invalid_manifest_is_not_in_force(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    assert "prod" in read_manifests(shop.store, None, shop.settings).environments
    shop.put("prod.yaml", "")
    assert read_manifests(shop.store, None, shop.settings).environments == {}


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (f"scope: {REGISTRY}", f"scope: {HUB}", "computes[0].roles[0].scope"),
        (f"zone: {AKS_ZONE}", f"zone: {AKS_ZONE.replace(SUBSCRIPTION, HUB)}", "privateEndpoints[1].records[0].zone"),
        (
            "identity: {type: SystemAssigned}",
            f"identity: {{type: 'SystemAssigned, UserAssigned', userAssignedIdentities: {{{IDENTITY}: {{}}}}}}",
            f"computes[0].body.identity.userAssignedIdentities.{IDENTITY}",
        ),
        (
            "computeType: Kubernetes",
            f"computeType: Kubernetes\n        other: [a, {HUB}/resourceGroups/x]",
            "computes[0].body.properties.other[1]",
        ),
    ],
)  # fmt: skip
def test_no_id_may_leave_the_scopes_wherever_it_stands(
    shop: Shop, old: str, new: str, field: str
) -> None:
    shop.put("prod.yaml", manifest((old, new)))
    manifests = shop.read()
    assert manifests.environments == {}
    (told,) = manifests.problems
    assert (told.field, told.message) == (field, "is outside of RELINK_SCOPES")
    assert told.line == line_of(manifest((old, new)), HUB)
    widened = shop.read(settings(f"{SUBSCRIPTION},{HUB}"))
    assert "prod" in widened.environments


def test_a_path_that_only_begins_like_a_scope_is_outside(shop: Shop) -> None:
    shop.put("prod.yaml", manifest(group="ml-2"))
    assert shop.read(settings(f"{SUBSCRIPTION}/resourceGroups/ml")).environments == {}


def test_narrowing_the_scopes_takes_power_away_from_what_was_good(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    shop.read()
    manifests = shop.read(settings(HUB))
    assert manifests.environments == {}
    assert "outside of RELINK_SCOPES" in messages(manifests, "prod.yaml")


def test_text_in_a_body_that_only_looks_like_an_id_is_refused(shop: Shop) -> None:
    strange = f"{SUBSCRIPTION}/resourceGroups/ml/../../x"
    shop.put("prod.yaml", manifest(("namespace: inference", f"namespace: {strange}")))
    (told,) = shop.read().problems
    assert told.field == "computes[0].body.properties.properties.namespace"


def test_a_role_outside_of_the_list_is_refused(shop: Shop) -> None:
    shop.put("prod.yaml", manifest((ACR_PULL, OWNER)))
    (told,) = shop.read().problems
    assert told.field == "computes[0].roles[0].role"
    assert "AcrPull" in told.allowed
    assert OWNER in told.found


def test_what_two_manifests_own_is_written_by_neither(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    theirs = BLOB_ENDPOINT.replace("/ml/", "/other/")
    shouted = BLOB_ENDPOINT.replace("pe-blob", "PE-BLOB")
    shop.put("twin.yaml", manifest(name="twin", group="other").replace(theirs, shouted))
    manifests = shop.read()
    for name, other in (("prod", "twin"), ("twin", "prod")):
        environment = manifests.environments[name].environment
        assert [endpoint.owned for endpoint in environment.private_endpoints] == [False, True]
        assert all(part.owned for part in environment.storage_accounts)
        told = messages(manifests, f"{name}.yaml")
        assert f"is owned by {other}.yaml as well" in told
        assert "privateEndpoints[0].id" in told
    assert len(manifests.problems) == 2


def test_a_manifest_may_refer_to_what_another_owns(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    theirs = f"- id: {REGISTRY.replace('/ml/', '/b/')}\n"
    refers = manifest(name="b", group="b").replace(theirs, f"- id: {REGISTRY}\n    owned: false\n")
    assert "owned: false" in refers
    shop.put("b.yaml", refers)
    manifests = shop.read()
    assert manifests.problems == ()
    assert manifests.environments["prod"].environment.registries[0].owned is True


def test_two_manifests_that_write_one_record_own_neither_endpoint(shop: Shop) -> None:
    shop.put("a.yaml", manifest(name="a"))
    shop.put(
        "b.yaml", manifest(name="b", group="b").replace(AKS_ZONE.replace("/ml/", "/b/"), AKS_ZONE)
    )
    manifests = shop.read()
    assert len(manifests.problems) == 2
    for name in ("a", "b"):
        endpoints = manifests.environments[name].environment.private_endpoints
        assert [endpoint.owned for endpoint in endpoints] == [True, False]


def test_who_had_a_name_keeps_it(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    shop.read()
    shop.put("a-squatter.yaml", manifest(group="other"))
    for _ in range(2):
        manifests = shop.read()
        assert manifests.environments["prod"].source == "prod.yaml"
        assert "is the name of the environment in prod.yaml" in messages(
            manifests, "a-squatter.yaml"
        )
    shop.put("prod.yaml", manifest(("trustedServices: true", "trustedServices: false")))
    assert shop.read().environments["prod"].source == "prod.yaml"


def test_a_manifest_that_takes_anothers_name_stays_what_it_was(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    shop.put("b.yaml", manifest(name="b", group="b"))
    shop.read()
    shop.put("b.yaml", manifest(name="prod", group="b"))
    manifests = shop.read()
    assert manifests.environments["prod"].source == "prod.yaml"
    assert manifests.environments["b"].stale is True
    assert "is the name of the environment" in messages(manifests, "b.yaml")


def test_a_source_gives_the_same_manifests_until_something_changes(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    source = shop.source()
    first = source.current()
    assert source.current() is first
    shop.put("b.yaml", manifest(name="b", group="b"))
    second = source.current()
    assert sorted(second.environments) == ["b", "prod"]
    assert second.version != first.version
    assert second.environments["prod"].environment == first.environments["prod"].environment


class Flaky(FolderStore):
    """A store that fails when it is told to."""

    listing = True
    reading = True

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        if not self.listing:
            raise StoreUnavailableError("listing is down")
        return super().marks(prefix)

    def read(self, key: str) -> Stored | None:
        if not self.reading:
            raise StoreUnavailableError("reading is down")
        return super().read(key)


def test_when_the_store_is_down_the_last_manifests_stay_in_force(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    store = Flaky(shop.folder)
    source = ManifestSource(store, shop.records, shop.settings)
    source.current()
    store.listing = False
    manifests = source.current()
    assert "prod" in manifests.environments
    assert "listing is down" in str(manifests.problems[0])
    with pytest.raises(StoreUnavailableError):
        ManifestSource(store, shop.records, shop.settings).current()


def test_a_file_that_could_not_be_read_is_tried_again(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    store = Flaky(shop.folder)
    source = ManifestSource(store, None, shop.settings)
    store.reading = False
    assert "reading is down" in str(source.current().problems[0])
    store.reading = True
    assert source.current().problems == ()


def test_a_folder_that_is_not_there_is_an_error_and_no_zero_environments(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    source = ManifestSource(FolderStore(shop.folder / "gone"), shop.records, shop.settings)
    with pytest.raises(StoreUnavailableError, match="there is no folder"):
        source.current()
    assert "never could be" in caplog.text
    (shop.folder / "gone").mkdir()
    assert (
        str(source.current().problems[0])
        == ": no manifest (found: no file; allowed: at least one *.yaml)"
    )


@pytest.mark.parametrize("leads_to", ["nowhere", "prod.yaml"], ids=["nowhere", "to-itself"])
def test_a_link_that_leads_nowhere_leaves_in_force_what_was(shop: Shop, leads_to: str) -> None:
    """What lies behind it may be a volume that is not mounted just now."""
    shop.put("other.yaml", manifest(name="other", group="other"))
    shop.put("prod.yaml", manifest())
    source = shop.source()
    assert source.current().problems == ()
    (shop.folder / "prod.yaml").unlink()
    (shop.folder / "prod.yaml").symlink_to(leads_to)
    for manifests in (source.current(), shop.source().current()):
        assert manifests.environments["prod"].stale
        assert {problem.file for problem in manifests.problems} == {"prod.yaml"}
    (shop.folder / "prod.yaml").unlink()
    shop.put("prod.yaml", manifest())
    assert source.current().problems == ()


def test_a_folder_that_goes_leaves_in_force_what_was(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    source = shop.source()
    assert source.current().listed
    shop.folder.rename(shop.folder.with_name("moved"))
    manifests = source.current()
    assert list(manifests.environments) == ["prod"]
    assert not manifests.listed
    assert "there is no folder" in str(manifests.problems[-1])
    shop.folder.with_name("moved").rename(shop.folder)
    assert source.current().problems == ()


def test_nobody_waits_long_for_somebody_who_waits_for_the_store(shop: Shop) -> None:
    shop.put("prod.yaml", manifest())
    store = Hanging(shop.folder)
    source = ManifestSource(BoundedStore(store, 5), shop.records, shop.settings)
    source.current()
    store.go.clear()
    with ThreadPoolExecutor(8) as pool:
        began = time.monotonic()
        found = list(pool.map(lambda _: _looked(source), range(8)))
        assert time.monotonic() - began < 10
    store.go.set()
    assert {(len(each.environments), each.listed) for each in found} == {(1, False)}


def _looked(source: ManifestSource) -> Manifests:
    with within(0.5):
        return source.current()


class Hanging(FolderStore):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.go = threading.Event()
        self.go.set()

    def marks(self, prefix: str = "") -> Mapping[str, Mark]:
        self.go.wait(120)
        return super().marks(prefix)
