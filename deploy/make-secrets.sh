#!/bin/sh
# Makes what the cluster of docker-compose.yml must not share with any other:
#
#   cluster-secret   what the replicas prove to each other
#   tokens.json      who may do what, by the SHA-256 of their tokens; this is what the replicas read
#   client-token     for clients: may read and write every namespace
#   metrics-token    for Prometheus: may read /metrics and nothing else
#
#   sh deploy/make-secrets.sh [FOLDER]      FOLDER is deploy/secrets unless given
#
# A folder that is there is left as it is: to change the secrets, remove it and start every container anew.
# The folder is for its owner alone. Docker mounts each file by itself and keeps its owner and mode, so a file must be
# readable by the user of its container: it is given to that user where that is possible (as root, or being that user),
# and else is made readable by all who can get into the folder, which is nobody else.
set -eu
umask 077

folder=${1:-$(dirname "$0")/secrets}
replica_user=1000
prometheus_user=65534

if [ -e "$folder" ]; then
  echo "make-secrets: $folder is there already and stays as it is" >&2
  exit 0
fi
command -v openssl >/dev/null || { echo 'make-secrets: openssl is needed' >&2; exit 1; }

digest() { tr -d '\n' <"$1" | openssl dgst -sha256 -r | cut -c 1-64; }
give() { chown "$2" "$1" 2>/dev/null || chmod 644 "$1"; }

draft=$folder.draft
rm -rf "$draft"
mkdir -p "$draft"
for name in cluster-secret client-token metrics-token; do
  openssl rand -hex 32 >"$draft/$name"
done
cat >"$draft/tokens.json" <<END
[
  { "name": "client", "sha256": "$(digest "$draft/client-token")", "roles": { "*": "write" } },
  { "name": "prometheus", "sha256": "$(digest "$draft/metrics-token")", "roles": { "*": "metrics" } }
]
END
give "$draft/cluster-secret" "$replica_user"
give "$draft/tokens.json" "$replica_user"
give "$draft/metrics-token" "$prometheus_user"
mv "$draft" "$folder"
echo "make-secrets: made $folder"
