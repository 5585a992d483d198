#!/usr/bin/env bash
# Deploys the four functions and their Cloud Scheduler jobs. Run it again at any time: what is there is brought up to date.
# docs/functions.md says what must be there before, and what it costs.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: PROJECT=... DATASET=... deploy/deploy_all.sh [--dry-run]

  --dry-run   print every command and call nothing

Needed in the environment:
  PROJECT            the Google Cloud project's id
  DATASET            the BigQuery dataset of the warehouse; not needed with WAREHOUSE

May be given:
  REGION             us-west1
  TIME_ZONE          America/Los_Angeles: the zone of the daily times
  WAREHOUSE          bigquery://$PROJECT/$DATASET
  CONFIG             restaurant-os.toml: the settings file that goes with the functions; it holds the locations and no secret
  SERVICE_ACCOUNT    restaurant-os@$PROJECT.iam.gserviceaccount.com: what the functions run as
  SCHEDULER_ACCOUNT  $SERVICE_ACCOUNT: what Cloud Scheduler calls them as
  LATE_TIME_ZONE     $TIME_ZONE: the zone of the second daily run; give the westernmost location's
  LATE_HOUR          5: its hour there. By it every location must have closed: the westernmost one's closeout hour, plus one
  MAX_INSTANCES      15: how many calls of one function may run at once
  TIME_BUDGET        540: seconds that a call has; it stops a minute before
TEXT
}

dry_run=
case "${1:-}" in
  '') ;;
  --dry-run) dry_run=1 ;;
  -h | --help) usage; exit 0 ;;
  *) echo "deploy_all.sh: there is no option '$1'." >&2; usage >&2; exit 2 ;;
esac

missing=()
[[ -n "${PROJECT:-}" ]] || missing+=("PROJECT")
[[ -n "${WAREHOUSE:-}${DATASET:-}" ]] || missing+=("DATASET")
if ((${#missing[@]})); then
  echo "deploy_all.sh: not set: ${missing[*]}." >&2
  usage >&2
  exit 2
fi

REGION=${REGION:-us-west1}
TIME_ZONE=${TIME_ZONE:-America/Los_Angeles}
WAREHOUSE=${WAREHOUSE:-bigquery://$PROJECT/$DATASET}
CONFIG=${CONFIG:-restaurant-os.toml}
SERVICE_ACCOUNT=${SERVICE_ACCOUNT:-restaurant-os@$PROJECT.iam.gserviceaccount.com}
SCHEDULER_ACCOUNT=${SCHEDULER_ACCOUNT:-$SERVICE_ACCOUNT}
LATE_TIME_ZONE=${LATE_TIME_ZONE:-$TIME_ZONE}
LATE_HOUR=${LATE_HOUR:-5}
MAX_INSTANCES=${MAX_INSTANCES:-15}
TIME_BUDGET=${TIME_BUDGET:-540}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
secrets=(TOAST_CLIENT_ID TOAST_CLIENT_SECRET)

if [[ ! -f $CONFIG ]]; then
  echo "deploy_all.sh: $CONFIG is not there. Name the settings file with CONFIG, or make one: restaurant-os init." >&2
  [[ $dry_run ]] || exit 2
fi
if ! [[ $LATE_HOUR =~ ^([0-9]|1[0-9]|2[0-3])$ ]]; then
  echo "deploy_all.sh: LATE_HOUR is '$LATE_HOUR'; an hour from 0 to 23 was expected." >&2
  exit 2
fi

# Every command goes through here, so that --dry-run shows what would be called, quoted as a shell takes it.
run() {
  if [[ $dry_run ]]; then
    local word line=
    for word in "$@"; do
      [[ $word =~ ^[A-Za-z0-9_@%+=:,./-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
      line+=" $word"
    done
    echo "${line# }"
  else
    "$@"
  fi
}

# What only a person may make: looked for before anything is changed.
check() {
  local wrong=()
  gcloud iam service-accounts describe "$SERVICE_ACCOUNT" --project="$PROJECT" >/dev/null 2>&1 ||
    wrong+=("gcloud iam service-accounts create ${SERVICE_ACCOUNT%%@*} --project=$PROJECT")
  for secret in "${secrets[@]}"; do
    gcloud secrets describe "$secret" --project="$PROJECT" >/dev/null 2>&1 ||
      wrong+=("gcloud secrets create $secret --project=$PROJECT --data-file=-    # then type the value, and Ctrl-D"
        "gcloud secrets add-iam-policy-binding $secret --project=$PROJECT --member=serviceAccount:$SERVICE_ACCOUNT --role=roles/secretmanager.secretAccessor")
  done
  ((${#wrong[@]})) || return 0
  echo "deploy_all.sh: nothing was changed. Something is not there, or you may not see it; these commands make it:" >&2
  printf '  %s\n' "${wrong[@]}" >&2
  exit 1
}

# What is uploaded: the entry points, the package, what it needs, and the settings.
stage() {
  run cp "$root/main.py" "$stage/main.py"
  run cp -R "$root/src" "$stage/src"
  run cp "$root/deploy/requirements.txt" "$stage/requirements.txt"
  run cp "$root/deploy/.gcloudignore" "$stage/.gcloudignore"
  run cp "$CONFIG" "$stage/restaurant-os.toml"
}

# deploy NAME ENTRY_POINT MEMORY. One call at a time in an instance: a call may use all of its memory, and paces Toast alone.
deploy() {
  local name=$1 entry_point=$2 memory=$3
  run gcloud functions deploy "$name" --gen2 --project="$PROJECT" --region="$REGION" --runtime=python312 \
    --source="$stage" --entry-point="$entry_point" --trigger-http --no-allow-unauthenticated \
    --memory="$memory" --timeout=540s --concurrency=1 --max-instances="$MAX_INSTANCES" \
    --service-account="$SERVICE_ACCOUNT" \
    --set-secrets=TOAST_CLIENT_ID=TOAST_CLIENT_ID:latest,TOAST_CLIENT_SECRET=TOAST_CLIENT_SECRET:latest \
    --set-env-vars="RESTAURANT_OS_WAREHOUSE=$WAREHOUSE,RESTAURANT_OS_TIME_BUDGET=$TIME_BUDGET,XDG_CACHE_HOME=/tmp" --quiet
  run gcloud functions add-invoker-policy-binding "$name" --project="$PROJECT" --region="$REGION" \
    --member="serviceAccount:$SCHEDULER_ACCOUNT"
}

# job NAME FUNCTION CRON ZONE. The deadline is the function's own; a call that failed is made once more.
job() {
  local name=$1 url="https://$REGION-$PROJECT.cloudfunctions.net/$2" cron=$3 zone=$4 verb=create headers=--headers
  if [[ -z $dry_run ]] && gcloud scheduler jobs describe "$name" --project="$PROJECT" --location="$REGION" >/dev/null 2>&1; then
    verb=update headers=--update-headers
  fi
  run gcloud scheduler jobs "$verb" http "$name" --project="$PROJECT" --location="$REGION" \
    --schedule="$cron" --time-zone="$zone" --uri="$url" --http-method=POST \
    "$headers=Content-Type=application/json" --message-body='{"restaurant_guid": "ALL"}' \
    --oidc-service-account-email="$SCHEDULER_ACCOUNT" --oidc-token-audience="$url" \
    --attempt-deadline=600s --max-retry-attempts=1 --min-backoff=300s
}

if [[ $dry_run ]]; then
  stage=STAGE
else
  command -v gcloud >/dev/null || { echo "deploy_all.sh: gcloud is not on the PATH." >&2; exit 1; }
  check
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
fi

stage
deploy toast-orders-etl orders_daily 1GB
deploy toast-cash-etl cash_daily 512MB
deploy toast-labor-etl labor_daily 512MB
deploy toast-config-etl config_weekly 512MB

job toast-orders-daily toast-orders-etl "0 2 * * *" "$TIME_ZONE"
job toast-cash-daily toast-cash-etl "15 2 * * *" "$TIME_ZONE"
job toast-labor-daily toast-labor-etl "30 2 * * *" "$TIME_ZONE"
job toast-config-weekly toast-config-etl "0 3 * * 0" "$TIME_ZONE"
# At two in the morning the business day just past is open until its closeout; this run brings it in whole.
job toast-orders-late toast-orders-etl "0 $LATE_HOUR * * *" "$LATE_TIME_ZONE"
job toast-cash-late toast-cash-etl "15 $LATE_HOUR * * *" "$LATE_TIME_ZONE"
job toast-labor-late toast-labor-etl "30 $LATE_HOUR * * *" "$LATE_TIME_ZONE"
