// Says which subscriptions of a management group have no system topic for Relink; the rollout takes it from there.
targetScope = 'managementGroup'

resource definition 'Microsoft.Authorization/policyDefinitions@2025-11-01' = {
  name: 'relink-enrolment'
  properties: {
    displayName: 'Subscriptions send their changes to Relink'
    description: 'Audits that a subscription has an Event Grid system topic of its own changes.'
    policyType: 'Custom'
    mode: 'All'
    policyRule: {
      if: { field: 'type', equals: 'Microsoft.Resources/subscriptions' }
      then: {
        effect: 'auditIfNotExists'
        details: {
          type: 'Microsoft.EventGrid/systemTopics'
          existenceCondition: {
            field: 'Microsoft.EventGrid/systemTopics/topicType'
            equals: 'Microsoft.Resources.Subscriptions'
          }
        }
      }
    }
  }
}

resource assignment 'Microsoft.Authorization/policyAssignments@2025-11-01' = {
  name: 'relink-enrolment'
  properties: {
    displayName: 'Subscriptions send their changes to Relink'
    policyDefinitionId: definition.id
  }
}
