// For a management group: the roles once, the events in every subscription named. Delivery is by queue.
targetScope = 'managementGroup'

@description('Ids (guids) of the subscriptions, as a pipeline lists them.')
param subscriptionIds string[]

@allowed(['off', 'observe', 'approve', 'remediate'])
param mode string = 'observe'

@description('Region of the resource groups of the topics.')
param location string

@description('Object id of Relink\'s identity (RELINK_PRINCIPAL_ID of the deployment of the app).')
param principalId string

@description('Resource id of the function app.')
param appId string
param hostStorageName string
param papersName string
param workspaceId string
param actionGroupId string

@description('Reports subscriptions of the group that no system topic watches.')
param auditEnrolment bool = true

module access 'modules/management-group-access.bicep' = {
  params: {
    suffix: uniqueString(appId)
    principalId: principalId
    mayWrite: mode == 'approve' || mode == 'remediate'
  }
}

module events 'events.bicep' = [
  for id in subscriptionIds: {
    scope: subscription(id)
    params: {
      watchedId: '/subscriptions/${id}'
      location: location
      delivery: 'queue'
      appId: appId
      hostStorageName: hostStorageName
      papersName: papersName
      workspaceId: workspaceId
      actionGroupId: actionGroupId
    }
  }
]

module enrolment 'modules/enrolment-audit.bicep' = if (auditEnrolment) {}
