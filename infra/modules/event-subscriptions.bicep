// What of a topic reaches Relink: the operations that the remediators watch, in groups of at most 25.
param topicName string

@allowed(['function', 'queue'])
param delivery string
param appId string
param hostStorageId string
param papersId string
param queueName string
param workspaceId string
param actionGroupId string

var groups = loadJsonContent('../operations.json')
var succeeded = [
  'Microsoft.Resources.ResourceWriteSuccess'
  'Microsoft.Resources.ResourceDeleteSuccess'
  'Microsoft.Resources.ResourceActionSuccess'
]
// An unread event means that a change went unnoticed until the next sweep.
var losses = [
  { name: 'dead-letters', metric: 'DeadLetteredCount', severity: 1, runbook: 'dead letters' }
  { name: 'dropped-events', metric: 'DroppedEventCount', severity: 1, runbook: 'dropped events' }
]

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscriptions 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = [
  for group in groups: {
    parent: topic
    name: group.name
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      filter: {
        includedEventTypes: succeeded
        advancedFilters: [
          { operatorType: 'StringIn', key: 'data.operationName', values: group.operations }
        ]
      }
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
      destination: delivery == 'function'
        ? {
            endpointType: 'AzureFunction'
            properties: {
              resourceId: '${appId}/functions/resource_changed'
              maxEventsPerBatch: 1
              preferredBatchSizeInKilobytes: 64
            }
          }
        : null
      deliveryWithResourceIdentity: delivery == 'queue'
        ? {
            identity: { type: 'SystemAssigned' }
            destination: {
              endpointType: 'StorageQueue'
              properties: {
                resourceId: hostStorageId
                queueName: queueName
                queueMessageTimeToLiveInSeconds: 604800
              }
            }
          }
        : null
      deadLetterWithResourceIdentity: {
        identity: { type: 'SystemAssigned' }
        deadLetterDestination: {
          endpointType: 'StorageBlob'
          properties: { resourceId: papersId, blobContainerName: 'deadletters' }
        }
      }
    }
  }
]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'relink'
  scope: topic
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'DeliveryFailures', enabled: true }]
  }
}

resource lossAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for loss in losses: {
    name: 'relink-${loss.name}-${topicName}'
    location: 'global'
    properties: {
      description: 'Event Grid gave up on events for Relink (${loss.runbook}). The sweep finds what they told of; see docs/runbooks/${loss.name}.md.'
      severity: loss.severity
      enabled: true
      scopes: [topic.id]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: loss.name
            metricNamespace: 'Microsoft.EventGrid/systemTopics'
            metricName: loss.metric
            operator: 'GreaterThan'
            threshold: 0
            timeAggregation: 'Total'
          }
        ]
      }
      actions: [{ actionGroupId: actionGroupId }]
    }
  }
]
