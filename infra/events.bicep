// Phase 2, after the code is deployed: once for every watched subscription or group, in that subscription.
targetScope = 'subscription'

@description('Id of a watched subscription or resource group of this subscription.')
param watchedId string

@description('Region of the resource group of the topic, where that is made.')
param location string

@description('Group of the topic; made when it is not there.')
param topicGroupName string = 'rg-relink-events'

@description('A source has one system topic. Name of the one that exists in topicGroupName; it needs a system-assigned identity.')
param existingTopicName string = ''

@allowed(['function', 'queue'])
param delivery string

@description('Resource id of the function app.')
param appId string
param hostStorageName string
param papersName string
param queueName string = 'relink-events'
param workspaceId string
param actionGroupId string

var appSubscription = split(appId, '/')[2]
var appGroup = split(appId, '/')[4]
var tags = { application: 'relink' }

resource made 'Microsoft.Resources/resourceGroups@2025-04-01' = if (empty(existingTopicName)) {
  name: topicGroupName
  location: location
  tags: tags
}

module topic 'modules/topic.bicep' = {
  scope: resourceGroup(topicGroupName)
  params: {
    source: watchedId
    topicType: length(split(watchedId, '/')) == 3 ? 'Microsoft.Resources.Subscriptions' : 'Microsoft.Resources.ResourceGroups'
    existingTopicName: existingTopicName
    tags: tags
  }
  dependsOn: [made]
}

module deliveryAccess 'modules/delivery-access.bicep' = {
  name: 'relink-delivery-${uniqueString(watchedId)}'
  scope: resourceGroup(appSubscription, appGroup)
  params: {
    hostStorageName: hostStorageName
    papersName: papersName
    queueName: queueName
    topicPrincipalId: topic.outputs.principalId
  }
}

module subscriptions 'modules/event-subscriptions.bicep' = {
  scope: resourceGroup(topicGroupName)
  params: {
    topicName: topic.outputs.name
    delivery: delivery
    appId: appId
    hostStorageId: resourceId(appSubscription, appGroup, 'Microsoft.Storage/storageAccounts', hostStorageName)
    papersId: resourceId(appSubscription, appGroup, 'Microsoft.Storage/storageAccounts', papersName)
    queueName: queueName
    workspaceId: workspaceId
    actionGroupId: actionGroupId
  }
  dependsOn: [deliveryAccess]
}

output RELINK_TOPIC string = topic.outputs.name
