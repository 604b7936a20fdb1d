// What Relink may do in one watched resource group: read always, write only where the mode allows writing.
targetScope = 'resourceGroup'

param suffix string
param principalId string
param mayWrite bool

var access = loadJsonContent('../access.json')
var scopeId = resourceGroup().id
// Relink may hand out the roles of shared/model/roles.py to service principals, and take back nothing else.
var assignable = join(access.assignable, ', ')
var condition = '((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/write\'})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'})) AND ((!(ActionMatches{\'Microsoft.Authorization/roleAssignments/delete\'})) OR (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${assignable}} AND @Resource[Microsoft.Authorization/roleAssignments:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {\'ServicePrincipal\'}))'

resource reader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(scopeId, suffix, 'reader')
  properties: {
    roleName: 'Relink reader ${uniqueString(scopeId, suffix)}'
    description: 'Reads what Relink watches. Made from what the remediators read.'
    type: 'customRole'
    assignableScopes: [scopeId]
    permissions: [{ actions: access.reader, notActions: [], dataActions: [], notDataActions: [] }]
  }
}

resource writer 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (mayWrite) {
  name: guid(scopeId, suffix, 'writer')
  properties: {
    roleName: 'Relink writer ${uniqueString(scopeId, suffix)}'
    description: 'Puts back what Relink watches. Made from the steps of the remediators.'
    type: 'customRole'
    assignableScopes: [scopeId]
    permissions: [{ actions: access.writer, notActions: [], dataActions: [], notDataActions: [] }]
  }
}

resource reads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(scopeId, principalId, 'relink-reader')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: reader.id
  }
}

resource writes 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (mayWrite) {
  name: guid(scopeId, principalId, 'relink-writer')
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: writer.id
    condition: condition
    conditionVersion: '2.0'
  }
}
