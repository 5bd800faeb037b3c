#!/bin/bash
# Bring a database to where the server can start on it: roles and extensions,
# migrations, a signing key, the demonstration programme. Each step finds its
# own work done and passes.
#
#     api/tools/install.sh [SUPERUSER_URL]
#
# GUSP_DATABASE_URL and GUSP_KEY_DIR are the server's. Without a superuser only
# the migrations and the key are seen to.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
superuser=${1:-}

[ -z "$superuser" ] || GUSP_DATABASE_URL=$superuser build/gusp prepare
build/gusp migrate

# The key that signs, if its private half is here: keys and database may each
# have been replaced since.
active=$(build/gusp key list | awk -F '\t' '$3 == "active" { print $1 }')
if [ -z "$active" ] || [ ! -f "$GUSP_KEY_DIR/$active.pem" ]; then
    new=$(build/gusp key new | sed -n 's/^kid //p')
    build/gusp key activate "$new" --now > /dev/null
fi

if [ -n "$superuser" ]; then
    # It changes roles by itself; notices about what is there already are noise.
    PGOPTIONS='-c client_min_messages=warning' \
        psql -X -q -v ON_ERROR_STOP=1 -o /dev/null -f tests/data/demo.sql \
        "$superuser"
fi
