// A storage account that knows no keys, with its containers and queues.
@maxLength(24)
param name string
param location string
param tags object
param privateNetwork bool
param containers string[]
param queues string[]

@description('Days that a deleted or overwritten blob can be brought back.')
param keepDeletedDays int = 30

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: 'Standard_ZRS' }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    // Not Disabled even in a private deployment: Event Grid comes in by the trusted services' exception.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: privateNetwork ? 'Deny' : 'Allow'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      isVersioningEnabled: true
      deleteRetentionPolicy: { enabled: true, days: keepDeletedDays }
      containerDeleteRetentionPolicy: { enabled: true, days: keepDeletedDays }
    }

    resource container 'containers' = [
      for each in containers: {
        name: each
        properties: { publicAccess: 'None' }
      }
    ]
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource queue 'queues' = [
      for each in queues: {
        name: each
      }
    ]
  }
}

output name string = account.name
output manifests string = '${account.properties.primaryEndpoints.blob}manifests'
