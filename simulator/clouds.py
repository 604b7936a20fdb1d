"""Owns the names of each Azure cloud: public, US Government, China (21Vianet); a region says which one it is in.

Suffixes and private zones as in domain facts, section 4; those of registries outside of the public cloud are unverified
there. Entra, ARM and prices are the same everywhere here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cloud:
    """The suffixes of public names, and the recommended private zone of each that differs by more than a prefix."""

    core: str
    vault: str
    registry: str
    learning: str
    notebooks: str

    def zones(self) -> dict[str, str]:
        """Return the suffix of public names by the private zone that is recommended for it."""
        vaultcore = self.vault.replace("vault.", "vaultcore.", 1)
        plain = (self.registry, self.learning, self.notebooks)
        stores = (f"{g}.{self.core}" for g in ("blob", "file", "queue", "table", "dfs", "web"))
        return {f"privatelink.{vaultcore}": self.vault} | {
            f"privatelink.{suffix}": suffix for suffix in (*plain, *stores)
        }


PUBLIC = Cloud(
    core="core.windows.net",
    vault="vault.azure.net",
    registry="azurecr.io",
    learning="api.azureml.ms",
    notebooks="notebooks.azure.net",
)
GOVERNMENT = Cloud(
    core="core.usgovcloudapi.net",
    vault="vault.usgovcloudapi.net",
    registry="azurecr.us",
    learning="api.ml.azure.us",
    notebooks="notebooks.usgovcloudapi.net",
)
CHINA = Cloud(
    core="core.chinacloudapi.cn",
    vault="vault.azure.cn",
    registry="azurecr.cn",
    learning="api.ml.azure.cn",
    notebooks="notebooks.chinacloudapi.cn",
)


def cloud_of(region: object) -> Cloud:
    """Return the cloud that a region is in."""
    name = str(region or "").replace(" ", "").lower()
    if name.startswith(("usgov", "usdod")):
        return GOVERNMENT
    return CHINA if name.startswith("china") else PUBLIC
