// The app reads manifests and cannot write them; records and dead letters it writes. By container, never by account.
param accountName string
param principalId string
param authorId string
param authorType string

var blobReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
var blobContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: accountName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource manifests 'containers' existing = {
      name: 'manifests'
    }
    resource records 'containers' existing = {
      name: 'records'
    }
    resource deadletters 'containers' existing = {
      name: 'deadletters'
    }
  }
}

resource readManifests 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account::blobs::manifests.id, principalId, blobReader)
  scope: account::blobs::manifests
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobReader)
  }
}

resource keepRecords 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account::blobs::records.id, principalId, blobContributor)
  scope: account::blobs::records
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
  }
}

resource replayDeadLetters 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account::blobs::deadletters.id, principalId, blobContributor)
  scope: account::blobs::deadletters
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
  }
}

resource writeManifests 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(authorId)) {
  name: guid(account::blobs::manifests.id, authorId, blobContributor)
  scope: account::blobs::manifests
  properties: {
    principalId: authorId
    principalType: authorType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
  }
}
