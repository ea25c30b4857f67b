#!/bin/sh
# Makes every secret of docker-compose.yml, at random: compose/.env, and beside it secrets/ with the key for senders.
# Run again it adds what is missing and changes nothing that is there. To replace a secret, delete its line first.
set -eu
cd "$(dirname "$0")"
umask 077
touch .env
mkdir -p secrets

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
sha256() {
  if command -v sha256sum >/dev/null; then printf %s "$1" | sha256sum | cut -c 1-64
  else printf %s "$1" | shasum -a 256 | cut -c 1-64; fi
}
has() { grep -q "^$1=..*" .env; }
value() { sed -n "s/^$1=//p" .env | tail -n 1; }
give() {
  sed "/^$1=/d" .env >.env.new
  printf '%s=%s\n' "$1" "$2" >>.env.new
  mv .env.new .env
  echo "made $1"
}

clickhouse="CLICKHOUSE_PASSWORD CLICKHOUSE_GRAFANA_PASSWORD CLICKHOUSE_GATEWAY_PASSWORD CLICKHOUSE_DASHBOARD_PASSWORD"
for name in $clickhouse GRAFANA_ADMIN_PASSWORD SPANPULSE_WEB_TOKEN; do
  has "$name" || give "$name" "$(random)"
done
# The server is given the hashes alone: they follow the passwords.
for name in $clickhouse; do
  hash=$(sha256 "$(value "$name")")
  [ "$(value "${name}_SHA256")" = "$hash" ] || give "${name}_SHA256" "$hash"
done
# What an application sends with is kept only here; spanpulse knows its hash, and the tenant that it belongs to.
if ! has SPANPULSE_API_KEYS; then
  key=$(random)
  printf '%s\n' "$key" >secrets/otlp_key
  give SPANPULSE_API_KEYS "default:$(sha256 "$key")"
fi
# Not a secret: the name that a Kafka cluster has for ever. 22 characters, and no dash in front.
has KAFKA_CLUSTER_ID || give KAFKA_CLUSTER_ID "k$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 1-20)Q"

# Where alerts go: nowhere, until these hold an address. Readable in the container, whose user is another one.
for name in slack_url webhook_url; do
  [ -s "secrets/$name" ] || echo "http://not-configured.invalid/" >"secrets/$name"
  chmod 644 "secrets/$name"
done

echo "secrets are in $(pwd)/.env; applications send with the key in $(pwd)/secrets/otlp_key:"
echo "  export OTEL_EXPORTER_OTLP_HEADERS=x-api-key=\$(cat $(pwd)/secrets/otlp_key)"
