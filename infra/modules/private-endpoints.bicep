// Private endpoints of the app's own storage and front door, with their zones.
param location string
param tags object
param networkId string
param subnetId string
param hostStorageName string
param papersName string
param siteName string

var suffix = environment().suffixes.storage
// No function gives the suffix of App Service; the two sovereign clouds have their own.
var siteZones = {
  AzureCloud: 'privatelink.azurewebsites.net'
  AzureUSGovernment: 'privatelink.azurewebsites.us'
  AzureChinaCloud: 'privatelink.chinacloudsites.cn'
}
var zones = [
  'privatelink.blob.${suffix}'
  'privatelink.queue.${suffix}'
  'privatelink.table.${suffix}'
  siteZones[environment().name]
]
var links = [
  { name: 'host-blob', target: hostStorage.id, member: 'blob', zone: 0 }
  { name: 'host-queue', target: hostStorage.id, member: 'queue', zone: 1 }
  { name: 'host-table', target: hostStorage.id, member: 'table', zone: 2 }
  { name: 'paper-blob', target: papers.id, member: 'blob', zone: 0 }
  { name: 'site', target: site.id, member: 'sites', zone: 3 }
]

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource papers 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: papersName
}

resource site 'Microsoft.Web/sites@2025-03-01' existing = {
  name: siteName
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for each in zones: {
    name: each
    location: 'global'
    tags: tags
  }
]

resource zoneLink 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (each, i) in zones: {
    parent: zone[i]
    name: 'relink'
    location: 'global'
    properties: {
      registrationEnabled: false
      virtualNetwork: { id: networkId }
    }
  }
]

// One at a time: endpoints of one subnet that are made side by side fail.
@batchSize(1)
resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for link in links: {
    name: 'pe-relink-${link.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        {
          name: link.name
          properties: { privateLinkServiceId: link.target, groupIds: [link.member] }
        }
      ]
    }
  }
]

resource zoneGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (link, i) in links: {
    parent: endpoint[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        { name: link.member, properties: { privateDnsZoneId: zone[link.zone].id } }
      ]
    }
  }
]
