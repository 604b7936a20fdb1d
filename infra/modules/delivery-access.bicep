// What a topic's identity may do with the app's storage: put events in the queue, and what failed in dead letters.
param hostStorageName string
param papersName string
param queueName string
param topicPrincipalId string

var messageSender = 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
var blobContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName

  resource queueService 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: queueName
    }
  }
}

resource papers 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: papersName

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource deadletters 'containers' existing = {
      name: 'deadletters'
    }
  }
}

resource sends 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostStorage::queueService::queue.id, topicPrincipalId, messageSender)
  scope: hostStorage::queueService::queue
  properties: {
    principalId: topicPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', messageSender)
  }
}

resource buries 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(papers::blobs::deadletters.id, topicPrincipalId, blobContributor)
  scope: papers::blobs::deadletters
  properties: {
    principalId: topicPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobContributor)
  }
}
