#!/usr/bin/env bash
# The same command with kcat and openssl; `publish_a_command.py` tells the steps. kcat misplaces it without the partitioner.
set -euo pipefail
hash() { openssl dgst -sha256 -r | cut -d' ' -f1; }
b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
uuid() { cat /proc/sys/kernel/random/uuid; }
command=$(uuid) document=$(uuid) time=$(date -u +%Y-%m-%dT%H:%M:%SZ)
place=${DOCWARD_OBJECTS__URL#file://}/uploads/$command
mkdir -p "${place%/*}"
printf '# Pairs strategy\n\n## 1 Limits\n\nOrders are capped at an appropriate value, see Appendix D.\n' >"$place"
body=$(printf '{"title":"Pairs strategy","filename":"pairs.md","original":{"uri":"%s","sha256":"%s","size":%d,"media_type":"%s"}}' \
  "uploads/$command" "$(hash <"$place")" "$(wc -c <"$place")" text/markdown)
protected=$(printf '{"actor":{"roles":["contributor"],"subject":"pairs"},"alg":"HS256","kid":"%s"}' "$DOCWARD_SIGNING__KEY_ID" | b64)
payload=$(printf '{"id":"%s","sha256":"%s","source":"/pairs","subject":"document:%s","time":"%s","type":"submit-document"}' \
  "$command" "$(printf %s "$body" | hash)" "$document" "$time" | b64)
mac=$(printf %s "$protected.$payload" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$DOCWARD_SIGNING__KEY" -binary | b64)
printf %s "$body" | kcat -P -b "$DOCWARD_KAFKA__BOOTSTRAP_SERVERS" -t "${DOCWARD_KAFKA__TOPIC_PREFIX:-}document-commands" \
  -k "$document" -X acks=all -X partitioner=murmur2_random \
  -H content-type=application/json -H ce_specversion=1.0 -H "ce_id=$command" -H ce_type=submit-document \
  -H ce_source=/pairs -H "ce_subject=document:$document" -H "ce_time=$time" -H "ce_actor=$protected..$mac"
echo "$command" # the outcome appears at GET /api/v1/operations/{command}
