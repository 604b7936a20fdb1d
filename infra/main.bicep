// Phase 1: everything of Relink but the event subscriptions, which need the code to be deployed (events.bicep).
targetScope = 'subscription'

@minLength(1)
@maxLength(32)
@description('Name of this deployment of Relink; part of the names of its resources.')
param environmentName string

@minLength(1)
@description('Region of the app.')
param location string

@minLength(1)
@description('Ids of the subscriptions or resource groups that Relink looks after, separated by commas. Manifests may name nothing else.')
param watched string

@allowed(['off', 'observe', 'approve', 'remediate'])
@description('The ceiling. Below approve, the app gets no right to write anything that it watches.')
param mode string = 'observe'

@allowed(['scheduler', 'storage'])
@description('Where runs live: a Durable Task Scheduler or Azure Storage. State does not move between them.')
param durableBackend string = 'scheduler'

@allowed(['auto', 'function', 'queue'])
@description('How Event Grid delivers. auto: to the function, but to a queue above one watched id, with Entra authentication, or privately.')
param delivery string = 'auto'

@description('Closes the app and its storage to public networks; deploy from inside the network then.')
param privateNetwork bool = false

@description('Address space of the network of a private deployment: a /24.')
param addressPrefix string = '10.90.0.0/24'

@description('Client id of an app registration. With it, callers need an Entra identity, and runs can be approved and environments paused.')
param entraClientId string = ''

@allowed([512, 2048, 4096])
@description('Memory of an instance.')
param instanceMemoryMB int = 2048

@minValue(0)
@maxValue(10)
@description('Instances that are kept warm for runs. Zero costs nothing and starts in seconds.')
param alwaysReadyInstances int = 0

@minValue(1)
@maxValue(1000)
@description('Most instances. Relink takes one run at a time in each environment.')
param maximumInstances int = 40

@secure()
@description('Webhook told of what needs a person. Empty: none.')
param notifyUrl string = ''

@description('Makes a custom topic that hears what Relink found and did, for Logic Apps, Teams or a ticket system.')
param publishEvents bool = false

@description('Address that alerts are mailed to. Empty: alerts fire and mail nobody.')
param alertEmail string = ''

@description('NCRONTAB of the sweep, seconds first.')
param sweepSchedule string = '0 */30 * * * *'

@minValue(0)
@maxValue(3600)
@description('Seconds that a burst of events may settle before a run.')
param settleSeconds int = 20

@description('Whether the first destructive plan after a change of a manifest waits for a person.')
param approveManifestChanges bool = true

@minValue(30)
@maxValue(730)
@description('Days that telemetry is kept.')
param logRetentionDays int = 90

@description('Object id of who uploads manifests. Empty: nobody is given that right here.')
param manifestAuthorId string = ''

@allowed(['User', 'Group', 'ServicePrincipal'])
param manifestAuthorType string = 'User'

@description('Protects the resource group of the app from deletion. Removing Relink starts with removing the lock.')
param lockGroup bool = true

@description('Where the runbooks are; alerts link there.')
param runbooks string = 'https://github.com/relink/relink/blob/main/docs/runbooks/'

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName, application: 'relink' }
var watchedIds = map(filter(split(watched, ','), id => !empty(trim(id))), id => trim(id))
var watchedSubscriptions = filter(watchedIds, id => length(split(id, '/')) == 3)
var watchedGroups = filter(watchedIds, id => length(split(id, '/')) == 5)
var mayWrite = mode == 'approve' || mode == 'remediate'
var queued = delivery == 'queue' || (delivery == 'auto' && (length(watchedIds) > 1 || !empty(entraClientId) || privateNetwork))

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-relink-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-relink-${token}', location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    retentionDays: logRetentionDays
    principalId: identity.outputs.principalId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: { token: token, location: location, tags: tags, addressPrefix: addressPrefix }
}

// Two accounts: the Functions host owns the first one whole, so nothing that it must not write may lie there.
module hostStorage 'modules/account.bicep' = {
  scope: group
  params: {
    name: 'sthost${token}'
    location: location
    tags: tags
    privateNetwork: privateNetwork
    containers: ['package']
    queues: ['relink-events']
  }
}

module hostAccess 'modules/host-access.bicep' = {
  scope: group
  params: { accountName: hostStorage.outputs.name, principalId: identity.outputs.principalId }
}

module papers 'modules/account.bicep' = {
  scope: group
  params: {
    name: 'stpaper${token}'
    location: location
    tags: tags
    privateNetwork: privateNetwork
    containers: ['manifests', 'records', 'deadletters']
    queues: []
  }
}

module paperAccess 'modules/paper-access.bicep' = {
  scope: group
  params: {
    accountName: papers.outputs.name
    principalId: identity.outputs.principalId
    authorId: manifestAuthorId
    authorType: manifestAuthorType
  }
}

module endpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network.?outputs.id ?? ''
    subnetId: network.?outputs.endpointsSubnetId ?? ''
    hostStorageName: hostStorage.outputs.name
    papersName: papers.outputs.name
    siteName: app.outputs.name
  }
}

module scheduler 'modules/scheduler.bicep' = if (durableBackend == 'scheduler') {
  scope: group
  params: { token: token, location: location, tags: tags, principalId: identity.outputs.principalId }
}

module facts 'modules/fact-topic.bicep' = if (publishEvents) {
  scope: group
  params: {
    name: 'evgt-relink-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
  }
}

module app 'modules/functionapp.bicep' = {
  scope: group
  params: {
    name: 'func-relink-${token}'
    location: location
    tags: tags
    identityName: identity.outputs.name
    componentName: monitoring.outputs.componentName
    hostStorageName: hostStorage.outputs.name
    papersName: papers.outputs.name
    schedulerEndpoint: scheduler.?outputs.endpoint ?? ''
    taskHubName: scheduler.?outputs.taskHubName ?? ''
    appSubnetId: network.?outputs.appSubnetId ?? ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstances: maximumInstances
    alwaysReadyInstances: alwaysReadyInstances
    entraClientId: entraClientId
    scopes: join(watchedIds, ',')
    mode: mode
    settleSeconds: settleSeconds
    sweepSchedule: sweepSchedule
    approveManifestChanges: approveManifestChanges
    notifyUrl: notifyUrl
    eventTopic: facts.?outputs.endpoint ?? ''
    eventQueue: queued ? 'relink-events' : ''
  }
  dependsOn: [hostAccess, paperAccess]
}

module subscriptionAccess 'modules/subscription-access.bicep' = [
  for id in watchedSubscriptions: {
    scope: subscription(split(id, '/')[2])
    params: { suffix: token, principalId: identity.outputs.principalId, mayWrite: mayWrite }
  }
]

module groupAccess 'modules/group-access.bicep' = [
  for id in watchedGroups: {
    scope: resourceGroup(split(id, '/')[2], split(id, '/')[4])
    params: { suffix: token, principalId: identity.outputs.principalId, mayWrite: mayWrite }
  }
]

// Locks and the activity log are read of the whole subscription (docs/adr/0008), whatever is watched of it.
module overview 'modules/overview-access.bicep' = [
  for id in union(map(watchedGroups, each => split(each, '/')[2]), []): {
    name: 'relink-overview-${uniqueString(id, token)}'
    scope: subscription(id)
    params: { suffix: token, principalId: identity.outputs.principalId }
  }
]

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
    runbooks: runbooks
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

module guard 'modules/lock.bicep' = if (lockGroup) {
  scope: group
  dependsOn: [app, alerts, workbook]
}

output RELINK_RESOURCE_GROUP string = group.name
output RELINK_APP_NAME string = app.outputs.name
output RELINK_APP_ID string = app.outputs.id
output RELINK_WATCHED string = join(watchedIds, ',')
output RELINK_DELIVERY string = queued ? 'queue' : 'function'
output RELINK_HOST_STORAGE string = hostStorage.outputs.name
output RELINK_PAPERS string = papers.outputs.name
output RELINK_MANIFESTS string = papers.outputs.manifests
output RELINK_ACTION_GROUP string = alerts.outputs.actionGroupId
output RELINK_WORKSPACE_ID string = monitoring.outputs.workspaceId
output RELINK_EVENT_TOPIC_ID string = facts.?outputs.id ?? ''
output RELINK_PRINCIPAL_ID string = identity.outputs.principalId
