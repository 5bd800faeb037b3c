#!/bin/bash
# gusp tend in the background, for the demonstration and the tests: it
# integrates the ledger and signs it.
#
#     api/tools/tend.sh start DIR   with the log's key, made the first time;
#                                   prints its verifier key
#     api/tools/tend.sh stop DIR    end it after the round at hand
#     api/tools/tend.sh pid DIR     its process id, if it runs
#
# DIR keeps ledger.pem, ledger.pem.state, tend.pid and tend.log.
# GUSP_DATABASE_URL must be set. Besides:
#
#     GUSP_LEDGER_KEY     another key than DIR/ledger.pem
#     GUSP_LEDGER_ORIGIN  ledger.localhost/engagements: the name of a new key
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
verb=${1:-}
[ -n "${2:-}" ] || {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
}
mkdir -p "$2"
dir=$(cd "$2" && pwd -P)
key=${GUSP_LEDGER_KEY:-$dir/ledger.pem}

# When a process started, in ticks since boot: tells it from a later one of
# the same number.
born() {
    sed 's/.*) //' "/proc/$1/stat" 2> /dev/null | cut -d ' ' -f 20
}

running() {
    local pid ticks
    [ -f "$dir/tend.pid" ] && read -r pid ticks < "$dir/tend.pid" || return 1
    [ "$(born "$pid")" = "$ticks" ] \
        && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2> /dev/null
}

start() {
    : "${GUSP_DATABASE_URL:?}"
    [ -f "${key%%:*}" ] || "$root/build/gusp" key ledger \
        "${GUSP_LEDGER_ORIGIN:-ledger.localhost/engagements}" "$key" > /dev/null
    if ! running; then
        # In a session of its own: Ctrl-C is for the script that stops it.
        GUSP_LEDGER_KEY=$key setsid "$root/build/gusp" tend \
            < /dev/null >> "$dir/tend.log" 2>&1 &
        echo "$! $(born $!)" > "$dir/tend.pid"
    fi
    "$root/build/gusp" key show "${key%%:*}"
}

stop() {
    local deadline=$((SECONDS + 10))
    if running; then
        kill -TERM "$(pid)" 2> /dev/null || true
        while running && [ $SECONDS -lt $deadline ]; do
            sleep 0.1
        done
        if running; then
            kill -KILL "$(pid)" 2> /dev/null || true
        fi
    fi
    rm -f "$dir/tend.pid"
}

pid() {
    running && cut -d ' ' -f 1 "$dir/tend.pid"
}

case $verb in
start | stop | pid) "$verb" ;;
*) exit 2 ;;
esac
