// The system topic of one watched subscription or group; there can be only one, so one that exists is taken.
param source string
param topicType string
param existingTopicName string
param tags object

resource known 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = if (!empty(existingTopicName)) {
  name: existingTopicName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = if (empty(existingTopicName)) {
  name: 'evgt-relink-${uniqueString(source)}'
  location: 'global'
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: {
    source: source
    topicType: topicType
  }
}

output name string = empty(existingTopicName) ? topic.name : known.name
output id string = empty(existingTopicName) ? topic.id : known.id
output principalId string = empty(existingTopicName) ? topic!.identity.principalId : known!.identity.principalId
