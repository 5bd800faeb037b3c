#!/bin/bash
# The database image's first program: make the cluster on first start, bring
# roles and passwords to what prepare.sql and the passfiles say, serve.
#
# Nobody logs in as superuser over the network: that role exists on the socket
# inside this container only. Passwords come from the same passfiles
# (host:port:database:user:password) that the clients are given.
set -euo pipefail

data=/var/lib/postgresql/data
conf=(-c unix_socket_directories=/tmp -c jit=off -c timezone=UTC)

if [ ! -f "$data/PG_VERSION" ]; then
    initdb --no-instructions --encoding=UTF8 --locale=C.UTF-8 \
        --data-checksums --username=postgres --auth=peer -D "$data"
    cat > "$data/pg_hba.conf" <<- 'HBA'
	local all  postgres         peer
	host  gusp all      samenet scram-sha-256
	HBA
fi

# Prepared while nobody can reach it.
pg_ctl -D "$data" -s -w -o "-c listen_addresses='' ${conf[*]}" start
sql() { psql -X -q -v ON_ERROR_STOP=1 -h /tmp -U postgres "$@"; }
[ "$(sql -At -c "SELECT 1 FROM pg_database WHERE datname = 'gusp'" postgres)" = 1 ] \
    || createdb -h /tmp -U postgres gusp
PGOPTIONS='-c client_min_messages=warning' sql -f /usr/share/gusp/prepare.sql gusp > /dev/null
for passfile in /run/secrets/passfile*; do
    while IFS=: read -r _ _ _ role password; do
        # Read from standard input: in no log and in no process list.
        sql gusp <<- SQL
	SET log_statement = 'none';
	\\set password '$password'
	ALTER ROLE "$role" PASSWORD :'password';
	SQL
    done < "$passfile"
done
pg_ctl -D "$data" -s -w -m fast stop

exec postgres -D "$data" -c listen_addresses="${LISTEN:-*}" "${conf[@]}" \
    -c shared_buffers="${SHARED_BUFFERS:-256MB}" \
    -c password_encryption=scram-sha-256
