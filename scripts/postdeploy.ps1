# Phase 2 of a deployment: event subscriptions, once the code is there. The same as postdeploy.sh, for Windows.
$ErrorActionPreference = 'Stop'
Set-Location (Join-Path $PSScriptRoot '..')

$tries = if ($env:RELINK_TRIES) { [int]$env:RELINK_TRIES } else { 20 }
$pause = if ($env:RELINK_PAUSE_SECONDS) { [int]$env:RELINK_PAUSE_SECONDS } else { 30 }
$topicGroup = if ($env:RELINK_EXISTING_TOPIC_GROUP) { $env:RELINK_EXISTING_TOPIC_GROUP } else { 'rg-relink-events' }

function Add-Subscription([string]$watched) {
    $name = $watched -replace '[^A-Za-z0-9]', '-'
    $name = 'relink-events-' + $name.Substring([Math]::Max(0, $name.Length - 40))
    az deployment sub create --only-show-errors --output none `
        --subscription $watched.Split('/')[2] --location $env:AZURE_LOCATION --name $name `
        --template-file infra/events.bicep --parameters `
        "watchedId=$watched" `
        "location=$env:AZURE_LOCATION" `
        "delivery=$env:RELINK_DELIVERY" `
        "appId=$env:RELINK_APP_ID" `
        "hostStorageName=$env:RELINK_HOST_STORAGE" `
        "papersName=$env:RELINK_PAPERS" `
        "workspaceId=$env:RELINK_WORKSPACE_ID" `
        "actionGroupId=$env:RELINK_ACTION_GROUP" `
        "existingTopicName=$env:RELINK_EXISTING_TOPIC" `
        "topicGroupName=$topicGroup"
    return $LASTEXITCODE -eq 0
}

$failed = $false
foreach ($watched in $env:RELINK_WATCHED.Split(',')) {
    Write-Host "Subscribing to the changes of $watched"
    $try = 1
    while (-not (Add-Subscription $watched)) {
        if ($try -ge $tries) {
            Write-Warning "Relink hears no events of $watched; its sweep still looks. Run 'azd hooks run postdeploy' to try again."
            $failed = $true
            break
        }
        $try++
        Start-Sleep -Seconds $pause
    }
}
if ($failed) { exit 1 }
