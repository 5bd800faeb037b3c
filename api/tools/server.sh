#!/bin/bash
# One API server in the background, for the demonstration, the tests and the
# measurements.
#
#     api/tools/server.sh start DIR   until it answers /readyz; prints its URL
#     api/tools/server.sh stop DIR    drain and stop; all is gone afterwards
#     api/tools/server.sh url DIR     its base URL
#     api/tools/server.sh pid DIR     the process id of Kore's parent, if it runs
#
# DIR keeps kore.conf, api.pid, api.url and api.log. The environment is the
# server's (GUSP_*); GUSP_DATABASE_URL must be set. Besides:
#
#     GUSP_BIND     127.0.0.1   address to listen on
#     GUSP_PORT     8080        port; the next free one if it is taken
#     GUSP_WORKERS  one a core  worker processes
#     GUSP_WRAP                 a command to run Kore under (valgrind ...)
#     GUSP_CONF                 more lines for the head of kore.conf
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
verb=${1:-}
[ -n "${2:-}" ] || {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)

bind=${GUSP_BIND:-127.0.0.1}
workers=${GUSP_WORKERS:-$(nproc)}

# When a process started, in ticks since boot: tells it from a later one of
# the same number. Kore rewrites its own command line, so that one cannot.
born() {
    sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d ' ' -f 20
}

# A process that ended but was not waited for yet (a container's first process
# may never do so) does not run.
running() {
    local pid ticks
    [ -f "$dir/api.pid" ] && read -r pid ticks < "$dir/api.pid" || return 1
    [ "$(born "$pid")" = "$ticks" ] \
        && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2> /dev/null
}

reachable() {
    local host=$bind
    [ "$host" = 0.0.0.0 ] && host=127.0.0.1
    (exec 3<> "/dev/tcp/$host/$1") 2> /dev/null
}

free_port() {
    local port=${GUSP_PORT:-8080}
    while reachable "$port"; do
        port=$((port + 1))
        [ "$port" -le 65535 ] || {
            echo "server: no free port" >&2
            exit 1
        }
    done
    echo "$port"
}

start() {
    if running; then
        url
        return
    fi
    : "${GUSP_DATABASE_URL:?}"
    local port host
    port=$(free_port)
    host=$bind
    [ "$host" = 0.0.0.0 ] && host=127.0.0.1
    export GUSP_ISSUER=${GUSP_ISSUER:-http://$host:$port}
    export GUSP_KEY_DIR=${GUSP_KEY_DIR:-$dir/keys}
    export GUSP_CONTRACT=${GUSP_CONTRACT:-$root/build/openapi.json}
    export GUSP_DOCS=${GUSP_DOCS:-$root/build/docs}

    # Kore splits its lines at blanks, which a path may have: the module and
    # the directory of large bodies are named relative to where Kore starts.
    {
        [ -z "${GUSP_CONF:-}" ] || printf '%s\n' "$GUSP_CONF"
        sed -e "s|@PORT@|$port|g" -e "s|@BIND@|$bind|g" \
            -e "s|@WORKERS@|$workers|g" -e "s|@TMP@|bodies|g" \
            -e "s|@MODULE@|$(realpath --relative-to="$dir" \
                "$root/build/gusp.so")|g" "$root/docker/kore.conf"
    } > "$dir/kore.conf"

    # In a session of its own: Ctrl-C in the terminal reaches the script that
    # started it, which then stops it in order. No chroot, no change of user.
    cd "$dir"
    # shellcheck disable=SC2086 # GUSP_WRAP is a command and its arguments
    setsid ${GUSP_WRAP:-} stdbuf -oL kore -c "$dir/kore.conf" -f -n -r \
        < /dev/null > "$dir/api.log" 2>&1 &
    echo "$! $(born $!)" > "$dir/api.pid"
    echo "http://$host:$port" > "$dir/api.url"

    local deadline=$((SECONDS + ${GUSP_START_TIMEOUT:-60}))
    until curl -sf -o /dev/null -m 2 "http://$host:$port/readyz"; do
        if ! running || [ $SECONDS -ge $deadline ]; then
            echo "server: not ready; its log ($dir/api.log) ends:" >&2
            tail -n 20 "$dir/api.log" >&2
            stop
            exit 1
        fi
        sleep 0.1
    done
    url
}

stop() {
    local pid deadline
    if running; then
        pid=$(pid)
        kill -TERM "$pid" 2> /dev/null || true
        deadline=$((SECONDS + ${GUSP_DRAIN:-10} + 5))
        while running && [ $SECONDS -lt $deadline ]; do
            sleep 0.1
        done
        # Kore's parent can wait for ever for a worker that it lost while
        # stopping: the whole session goes.
        if running; then
            kill -KILL -- "-$pid" 2> /dev/null || true
        fi
    fi
    rm -f "$dir/api.pid" "$dir/api.url" "$dir/kore.pid"
}

url() {
    cat "$dir/api.url"
}

pid() {
    running && cut -d ' ' -f 1 "$dir/api.pid"
}

case $verb in
start | stop | url | pid) "$verb" ;;
*) exit 2 ;;
esac
