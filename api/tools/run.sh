#!/bin/bash
# make run: the API on a private database with the demonstration programme.
#
# Everything it keeps stands in .run/: the cluster (pg), the signing keys, the
# ledger's key and state (ledger.pem), the clients' secrets and tokens
# (access.json). A second run finds it all and only
# starts. Ctrl-C stops the server and the cluster; nothing is left running.
#
#     GUSP_DATABASE_URL  another database than the private cluster. A URL that
#                        logs in as a superuser is prepared and loaded as the
#                        private one is; else the administrator has run what
#                        "gusp prepare --print" prints.
#     GUSP_PORT          8080, or the next free port
#     GUSP_BIND          127.0.0.1
#     GUSP_RUN           .run: where its files are kept
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$root"
umask 077
mkdir -p "${GUSP_RUN:-.run}"
run=$(cd "${GUSP_RUN:-.run}" && pwd -P)
# User postgres traverses it to reach the cluster; its files are private.
chmod 0711 "$run"

# One at a time. The lock goes with the process, however it ends; what is
# started from here does not inherit it (9>&-).
exec 9> "$run/lock"
flock -n 9 || {
    echo "already running: $(cat "$run/api.url" 2> /dev/null || echo starting)"
    exit 1
}

cluster() { api/tools/cluster.sh "$@" 9>&-; }
server() { api/tools/server.sh "$@" 9>&-; }
tend() { api/tools/tend.sh "$@" 9>&-; }
sql() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

private=
finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    server stop "$run"
    tend stop "$run"
    [ -z "$private" ] || cluster stop "$run/pg"
    exit "$status"
}
trap finish EXIT
# What was asked for is no error: make then ends without complaint.
trap 'exit 0' INT TERM HUP

# --- the database ----------------------------------------------------------

if [ -n "${GUSP_DATABASE_URL:-}" ]; then
    superuser=
    if [ "$(psql -XAt "$GUSP_DATABASE_URL" -c \
        'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')" = t ]
    then
        superuser=$GUSP_DATABASE_URL
    fi
else
    private=yes
    cluster start "$run/pg"
    GUSP_DATABASE_URL=$(cluster url "$run/pg")
    superuser=$(cluster superuser "$run/pg")
fi
export GUSP_DATABASE_URL GUSP_KEY_DIR=$run/keys
# A demonstration lasts a working day and is not slowed down.
export GUSP_TOKEN_TTL=${GUSP_TOKEN_TTL:-43200} GUSP_RATE=${GUSP_RATE:-0}
mkdir -p "$GUSP_KEY_DIR"

api/tools/install.sh "$superuser"

# --- the server, and a token for each role ---------------------------------

# What outlived a killed run is in the way.
server stop "$run"
tend stop "$run"
GUSP_LEDGER_VKEY=$(tend start "$run")
export GUSP_LEDGER_VKEY
base=$(server start "$run")
access=()
if [ -n "$superuser" ]; then
    GUSP_SUPERUSER_URL=$superuser /usr/bin/python3 api/tools/access.py \
        "$base" "$run/access.json" 9>&-
    access=("$run/access.json")
fi

printf '\nAPI         %s\n' "$base"
printf 'pages       %s/docs\n' "$base"
printf 'contrat     %s/openapi.json\n' "$base"
printf 'journal     %s\n' "${run#"$root/"}/api.log"
printf 'registre    %s\n' "$GUSP_LEDGER_VKEY"
if [ ${#access[@]} -gt 0 ]; then
    printf 'accès       %s (clients, secrets, jetons)\n\n' \
        "${run#"$root/"}/access.json"
    /usr/bin/python3 api/tools/access.py --print "${access[@]}"
fi
printf '\nCtrl-C arrête tout.\n'

# Wakes each second: a trap runs as soon as the sleep ends.
while pid=$(server pid "$run") && [ -n "$pid" ]; do
    sleep 1 9>&- &
    wait $! || true
    # It ends by itself only for a reason that its log tells.
    tend pid "$run" > /dev/null || tend start "$run" > /dev/null
done
echo "the server ended by itself; its log ends:" >&2
tail -n 20 "$run/api.log" >&2
exit 1
