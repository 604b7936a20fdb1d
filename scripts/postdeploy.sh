#!/bin/sh
# Phase 2 of a deployment: event subscriptions, once the code is there. Run by azd after `azd deploy`.
#
# A function is known to Event Grid, and a role to storage, minutes after it was made: each deployment is
# tried again until it holds, for ten minutes at the most.
#
# Takes the outputs of infra/main.bicep from the environment, as azd sets them. Optional:
#   RELINK_EXISTING_TOPIC        name of the system topic that a watched subscription already has
#   RELINK_EXISTING_TOPIC_GROUP  its resource group
set -eu
cd "$(dirname "$0")/.."

TRIES=${RELINK_TRIES:-20}
PAUSE=${RELINK_PAUSE_SECONDS:-30}

subscribe() {
    watched=$1
    subscription=$(echo "$watched" | cut -d/ -f3)
    name=relink-events-$(echo "$watched" | tr -c 'A-Za-z0-9\n' '-' | tail -c 40)
    az deployment sub create --only-show-errors --output none \
        --subscription "$subscription" --location "$AZURE_LOCATION" --name "$name" \
        --template-file infra/events.bicep --parameters \
        "watchedId=$watched" \
        "location=$AZURE_LOCATION" \
        "delivery=$RELINK_DELIVERY" \
        "appId=$RELINK_APP_ID" \
        "hostStorageName=$RELINK_HOST_STORAGE" \
        "papersName=$RELINK_PAPERS" \
        "workspaceId=$RELINK_WORKSPACE_ID" \
        "actionGroupId=$RELINK_ACTION_GROUP" \
        "existingTopicName=${RELINK_EXISTING_TOPIC:-}" \
        "topicGroupName=${RELINK_EXISTING_TOPIC_GROUP:-rg-relink-events}"
}

failed=
for watched in $(echo "$RELINK_WATCHED" | tr ',' ' '); do
    echo "Subscribing to the changes of $watched"
    try=1
    until subscribe "$watched"; do
        if [ "$try" -ge "$TRIES" ]; then
            echo "Relink hears no events of $watched; its sweep still looks. Run \`azd hooks run postdeploy\` to try again." >&2
            failed=yes
            break
        fi
        try=$((try + 1))
        sleep "$PAUSE"
    done
done
[ -z "$failed" ]
