// Durable Task Scheduler: keeps runs where one machine is not enough. It knows identities only.
param token string
param location string
param tags object
param principalId string

var taskDataContributor = '0ad04412-c4d5-4796-b79c-f76d14c8d402'

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: 'dts-relink-${token}'
  location: location
  tags: tags
  properties: {
    // An empty list denies everybody; who gets in is decided by the role below.
    ipAllowlist: ['0.0.0.0/0']
    sku: { name: 'Consumption' }
  }

  resource hub 'taskHubs' = {
    name: 'relink'
  }
}

resource contributor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scheduler::hub.id, principalId, taskDataContributor)
  scope: scheduler::hub
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', taskDataContributor)
  }
}

output endpoint string = scheduler.properties.endpoint
output taskHubName string = scheduler::hub.name
