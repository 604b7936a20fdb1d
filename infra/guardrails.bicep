// Optional: refuses public network access at the request itself, before there is anything to repair. That beats every
// tool that acts afterwards, Relink included; take it where nobody has a good reason for public access.
targetScope = 'subscription'

@allowed(['Audit', 'Deny'])
@description('Begin with Audit; Deny also stops changes of accounts that are public today.')
param effect string = 'Audit'

var kinds = [
  { name: 'storage', type: 'Microsoft.Storage/storageAccounts' }
  { name: 'vaults', type: 'Microsoft.KeyVault/vaults' }
  { name: 'registries', type: 'Microsoft.ContainerRegistry/registries' }
  { name: 'workspaces', type: 'Microsoft.MachineLearningServices/workspaces' }
]

resource definitions 'Microsoft.Authorization/policyDefinitions@2025-11-01' = [
  for kind in kinds: {
    name: 'relink-private-${kind.name}'
    properties: {
      displayName: 'Public network access is off: ${kind.type}'
      policyType: 'Custom'
      mode: 'Indexed'
      policyRule: {
        if: {
          allOf: [
            { field: 'type', equals: kind.type }
            { field: '${kind.type}/publicNetworkAccess', notIn: ['Disabled', 'SecuredByPerimeter'] }
          ]
        }
        then: { effect: effect }
      }
    }
  }
]

resource assignments 'Microsoft.Authorization/policyAssignments@2025-11-01' = [
  for (kind, i) in kinds: {
    name: 'relink-private-${kind.name}'
    properties: {
      displayName: 'Public network access is off: ${kind.type}'
      policyDefinitionId: definitions[i].id
    }
  }
]
