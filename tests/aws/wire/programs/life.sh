#!/usr/bin/env bash
# A short life with the AWS CLI, $AWS_CLI, as a script for Amazon Personalize has it.
set -euo pipefail
name=$1 schema=$2 place=$3 recipe=$4 role=$5 item=$6

ask() { "$AWS_CLI" personalize "$@" --output text; }
active() { # kind, its member, ARN
  until [ "$(ask "describe-$1" "--$1-arn" "$3" --query "$2.status")" = ACTIVE ]; do sleep 0.2; done
}
delete() { # kind, ARN
  ask "delete-$1" "--$1-arn" "$2"
  while ask "describe-$1" "--$1-arn" "$2" >/dev/null 2>&1; do sleep 0.2; done
}
recommend() {
  "$AWS_CLI" personalize-runtime get-recommendations --campaign-arn "$campaign" \
    --user-id "a visitor" --num-results 3 --query 'itemList[].itemId' --output json
}

group=$(ask create-dataset-group --name "$name" --query datasetGroupArn)
active dataset-group datasetGroup "$group"
shape=$(ask create-schema --name "$name" --schema "$schema" --query schemaArn)
dataset=$(ask create-dataset --name "$name" --schema-arn "$shape" --dataset-group-arn "$group" \
  --dataset-type Interactions --query datasetArn)
active dataset dataset "$dataset"
job=$(ask create-dataset-import-job --job-name "$name" --dataset-arn "$dataset" \
  --data-source "dataLocation=$place" --role-arn "$role" --query datasetImportJobArn)
active dataset-import-job datasetImportJob "$job"
solution=$(ask create-solution --name "$name" --dataset-group-arn "$group" --recipe-arn "$recipe" \
  --query solutionArn)
active solution solution "$solution"
version=$(ask create-solution-version --solution-arn "$solution" --query solutionVersionArn)
active solution-version solutionVersion "$version"
campaign=$(ask create-campaign --name "$name" --solution-version-arn "$version" --query campaignArn)
active campaign campaign "$campaign"
read -r tracker tracking < <(ask create-event-tracker --name "$name" --dataset-group-arn "$group" \
  --query '[eventTrackerArn, trackingId]')
before=$(recommend)
"$AWS_CLI" personalize-events put-events --tracking-id "$tracking" --user-id "a visitor" \
  --session-id "a session" \
  --event-list "[{\"eventType\": \"view\", \"itemId\": \"$item\", \"sentAt\": $(date +%s)}]"
after=$(recommend)
delete campaign "$campaign"
delete event-tracker "$tracker"
delete solution "$solution"
delete dataset "$dataset"
ask delete-schema --schema-arn "$shape"
delete dataset-group "$group"
echo "{\"before\": $before, \"after\": $after}"
