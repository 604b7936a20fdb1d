// Log alerts over what the app tells: queries in ../queries, what they mean in ../alerts.json, what to do in docs/runbooks.
param location string
param tags object
param workspaceId string
param email string
param runbooks string

var alerts = loadJsonContent('../alerts.json')
// A path that is loaded has to be a literal, hence the list.
var queries = {
  'approval-waiting': loadTextContent('../queries/approval-waiting.kql')
  blocked: loadTextContent('../queries/blocked.kql')
  'dead-letters-stay': loadTextContent('../queries/dead-letters-stay.kql')
  'drift-stays': loadTextContent('../queries/drift-stays.kql')
  flapping: loadTextContent('../queries/flapping.kql')
  'heartbeat-silent': loadTextContent('../queries/heartbeat-silent.kql')
  'permission-denied': loadTextContent('../queries/permission-denied.kql')
  'repair-failed': loadTextContent('../queries/repair-failed.kql')
  'repair-slow': loadTextContent('../queries/repair-slow.kql')
  'run-broken': loadTextContent('../queries/run-broken.kql')
  'sweep-late': loadTextContent('../queries/sweep-late.kql')
  throttled: loadTextContent('../queries/throttled.kql')
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-relink'
  location: 'Global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'relink'
    emailReceivers: empty(email) ? [] : [{ name: 'mail', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: 'relink-${alert.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Relink: ${alert.name}'
      description: '${alert.description} ${runbooks}${alert.name}.md'
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: alert.every
      windowSize: alert.window
      autoMitigate: true
      checkWorkspaceAlertsStorageConfigured: false
      criteria: {
        allOf: [
          {
            query: queries[alert.name]
            timeAggregation: 'Count'
            operator: alert.fires == 'silence' ? 'LessThan' : 'GreaterThan'
            threshold: alert.fires == 'silence' ? 1 : 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: {
        actionGroups: [people.id]
        customProperties: { runbook: '${runbooks}${alert.name}.md' }
      }
    }
  }
]

output actionGroupId string = people.id
