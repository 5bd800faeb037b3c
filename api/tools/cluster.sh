#!/bin/bash
# A private PostgreSQL cluster, for the demonstration and for the tests.
#
#     api/tools/cluster.sh start DIR [--throwaway]   make it if need be, start
#     api/tools/cluster.sh stop DIR                  stop it; its data stays
#     api/tools/cluster.sh destroy DIR               stop it and remove it
#     api/tools/cluster.sh url DIR                   URL of its database, no user
#     api/tools/cluster.sh superuser DIR             the same, as its superuser
#     api/tools/cluster.sh data DIR                  its data directory
#
# Who runs it. PostgreSQL refuses to run as root: an ordinary user runs the
# cluster as oneself, root runs it as user postgres. Where postgres cannot
# traverse the path to DIR (a work tree below /root), the cluster lies under
# /var/lib/gusp-<hash of DIR>, and DIR only notes that.
#
# Who may enter. Nothing listens on TCP. The socket stands in a directory of
# mode 0700, so only the user who runs the cluster, and root, can reach it; the
# file system is the gate. Behind it authentication is "trust": "peer" would
# ask for a map with a line for each pair of system user and database role,
# rewritten whenever a role comes, and would stop nobody whom the directory
# let in. Which role may do what is tested by logging in as that role.
#
# --throwaway: no fsync, for clusters whose loss nobody minds.
set -euo pipefail

usage() {
    sed -n '2,/^# Who runs/{/^# Who runs/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}

verb=${1:-}
[ -n "${2:-}" ] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
option=${3:-}
bin=/usr/lib/postgresql/15/bin
hash=$(printf '%s' "$dir" | sha256sum | cut -c 1-12)

# libpq's environment would override what is said here.
unset "${!PG@}"

# As the user of the cluster, from a directory that this user can be in.
as_owner=()
if [ "$(id -u)" -eq 0 ]; then
    as_owner=(runuser -u postgres --)
fi
owner() {
    (cd / && "${as_owner[@]}" "$@")
}

# Where the data lie: below DIR, or below /var/lib if postgres cannot go there.
home=$dir
if [ "$(id -u)" -eq 0 ] && ! owner test -x "$(dirname "$dir")"; then
    home=/var/lib/gusp-$hash
fi
data=$home/data

# A socket's whole path has at most 107 bytes (unix(7)); its name takes 15.
socket=$home/socket
if [ ${#socket} -gt 90 ]; then
    socket=/tmp/gusp-$hash-$(id -u)
fi

# A directory that the cluster's user alone may enter. Under /tmp another user
# might have made it first: then it is not ours and is refused.
make_private() {
    mkdir -p -m 0700 "$1"
    if [ "$(id -u)" -eq 0 ]; then
        [ "$(stat -c %U "$1")" = root ] && chown postgres: "$1"
        [ "$(stat -c %U "$1")" = postgres ] || refuse "$1"
    else
        [ -O "$1" ] || refuse "$1"
    fi
    chmod 0700 "$1"
}

refuse() {
    echo "cluster: $1 belongs to someone else" >&2
    exit 1
}

create() {
    owner "$bin/initdb" --no-instructions --encoding=UTF8 --locale=C.UTF-8 \
        --username=postgres --auth=trust -D "$data" > /dev/null
    owner tee "$data/pg_hba.conf" > /dev/null <<- 'HBA'
	# The socket's directory has mode 0700: see api/tools/cluster.sh.
	local all all trust
	HBA
    owner tee -a "$data/postgresql.conf" > /dev/null <<- 'CONF'

	# The demonstration and the tests
	include_if_exists = 'gusp.conf'
	CONF
}

# Written at each start, so that a moved tree or a changed file takes effect.
configure() {
    owner tee "$data/gusp.conf" > /dev/null <<- CONF
	listen_addresses = ''
	port = 5432
	unix_socket_directories = '$socket'
	unix_socket_permissions = 0700
	max_connections = 100
	shared_buffers = 256MB
	random_page_cost = 1.1
	# Statements last milliseconds: compiling one costs more than running it.
	jit = off
	timezone = 'UTC'
	log_timezone = 'UTC'
	max_wal_size = 2GB
	CONF
    if [ "$option" = --throwaway ]; then
        owner tee -a "$data/gusp.conf" > /dev/null <<- 'CONF'
	fsync = off
	synchronous_commit = off
	full_page_writes = off
	CONF
    fi
}

running() {
    [ -f "$data/postmaster.pid" ] \
        && owner "$bin/pg_ctl" -D "$data" status > /dev/null 2>&1
}

start() {
    [ -x "$bin/postgres" ] || {
        echo "cluster: postgresql-15 is not installed (make deps)" >&2
        exit 1
    }
    make_private "$home"
    make_private "$socket"
    [ -f "$data/PG_VERSION" ] || create
    if ! running; then
        configure
        # The locale of whoever calls may not exist on this machine.
        LC_ALL=C.UTF-8 owner "$bin/pg_ctl" -D "$data" -l "$home/log" -s -w \
            -t 60 start > /dev/null || {
            owner tail -n 20 "$home/log" >&2
            exit 1
        }
    fi
    owner "$bin/psql" -qAt -h "$socket" -U postgres postgres \
        -c "SELECT 1 FROM pg_database WHERE datname = 'gusp'" | grep -q 1 \
        || owner "$bin/createdb" -h "$socket" -U postgres gusp
}

stop() {
    running || return 0
    owner "$bin/pg_ctl" -D "$data" -s -w -t 60 -m fast stop
}

destroy() {
    stop
    rm -rf "$socket" "$data" "$home/log"
    [ "$home" = "$dir" ] || rm -rf "$home"
    rmdir "$dir" 2> /dev/null || true
}

# Percent-encode what a URI does not take as it is.
encoded() {
    local text=$1 out= i c
    LC_ALL=C
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $c in
        [a-zA-Z0-9/._~-]) out+=$c ;;
        *) out+=$(printf '%%%02X' "'$c") ;;
        esac
    done
    printf '%s' "$out"
}

url() {
    echo "postgresql:///gusp?host=$(encoded "$socket")&port=5432"
}

case $verb in
start | stop | destroy | url) "$verb" ;;
superuser) echo "$(url)&user=postgres" ;;
data) echo "$data" ;;
*) usage ;;
esac
