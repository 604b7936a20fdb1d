// The app itself, on Flex Consumption: no keys, no FTP, no basic publishing, its own identity everywhere.
param name string
param location string
param tags object
param identityName string
param componentName string
param hostStorageName string
param papersName string

@description('Empty: Azure Storage keeps the runs.')
param schedulerEndpoint string
param taskHubName string

@description('Empty: no network of its own, and a public front door.')
param appSubnetId string
param instanceMemoryMB int
param maximumInstances int
param alwaysReadyInstances int
param entraClientId string
param scopes string
param mode string
param settleSeconds int
param sweepSchedule string
param approveManifestChanges bool

@secure()
param notifyUrl string

@description('Empty: only the webhook and Azure Monitor are told.')
param eventTopic string

@description('Empty: Event Grid calls the function.')
param eventQueue string

var clouds = { AzureCloud: 'public', AzureUSGovernment: 'usgov', AzureChinaCloud: 'china' }

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostStorageName
}

resource papers 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: papersName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: empty(appSubnetId) ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetId: empty(appSubnetId) ? null : appSubnetId
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
    }
    functionAppConfig: {
      runtime: { name: 'python', version: '3.13' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostStorage.properties.primaryEndpoints.blob}package'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'durable', instanceCount: alwaysReadyInstances }]
      }
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        AzureWebJobsStorage__blobServiceUri: hostStorage.properties.primaryEndpoints.blob
        AzureWebJobsStorage__queueServiceUri: hostStorage.properties.primaryEndpoints.queue
        AzureWebJobsStorage__tableServiceUri: hostStorage.properties.primaryEndpoints.table
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identity.properties.clientId
        APPLICATIONINSIGHTS_CONNECTION_STRING: component.properties.ConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
        AZURE_CLIENT_ID: identity.properties.clientId
        // Activities, orchestrators and entities of host.json, and a few for http: on one core the worker has 5 by itself.
        PYTHON_THREADPOOL_THREAD_COUNT: '24'
        RELINK_ENVIRONMENTS: '${papers.properties.primaryEndpoints.blob}manifests'
        RELINK_RECORDS: '${papers.properties.primaryEndpoints.blob}records'
        RELINK_DEAD_LETTERS: '${papers.properties.primaryEndpoints.blob}deadletters'
        RELINK_SCOPES: scopes
        RELINK_MODE: mode
        RELINK_CLOUD: clouds[environment().name]
        RELINK_SETTLE_SECONDS: string(settleSeconds)
        RELINK_SWEEP_SCHEDULE: sweepSchedule
        RELINK_APPROVE_MANIFEST_CHANGES: string(approveManifestChanges)
        RELINK_NOTIFY_URL: notifyUrl
        RELINK_EVENT_TOPIC: eventTopic
        RELINK_PRINCIPAL_ID: identity.properties.principalId
        RELINK_EVENT_QUEUE: eventQueue
      },
      empty(schedulerEndpoint)
        ? {}
        : {
            DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};TaskHub=${taskHubName};Authentication=ManagedIdentity;ClientID=${identity.properties.clientId}'
            AzureFunctionsJobHost__extensions__durableTask__hubName: taskHubName
            AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
            AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
          }
    )
  }

  // Without it, approving, rejecting, pausing and resuming are refused; with it, the record names who did.
  resource authentication 'config' = if (!empty(entraClientId)) {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: true }
      globalValidation: {
        requireAuthentication: true
        unauthenticatedClientAction: 'Return401'
        excludedPaths: ['/api/health']
      }
      httpSettings: { requireHttps: true }
      identityProviders: {
        azureActiveDirectory: {
          enabled: true
          registration: {
            clientId: entraClientId
            openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          }
          validation: { allowedAudiences: ['api://${entraClientId}', entraClientId] }
        }
      }
    }
  }
}

output id string = site.id
output name string = site.name
