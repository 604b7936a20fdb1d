// Where only groups of a subscription are watched: what can be read of the whole subscription alone.
targetScope = 'subscription'

param suffix string
param principalId string

var access = loadJsonContent('../access.json')

resource overview 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(subscription().id, suffix, 'overview')
  properties: {
    roleName: 'Relink overview ${uniqueString(subscription().id, suffix)}'
    description: 'Reads locks and the activity log, so that Relink sees what would stop a repair.'
    type: 'customRole'
    assignableScopes: [subscription().id]
    permissions: [{ actions: access.overview, notActions: [], dataActions: [], notDataActions: [] }]
  }
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(subscription().id, principalId, 'relink-overview')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: overview.id
  }
}
