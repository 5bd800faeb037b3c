#!/bin/bash
# Killed, cut off, filled up, watched: make faults
#
# A cluster of its own, which writes to disk as a real one does, and servers on
# it; see faults.py. About three minutes. Exit status 1 if something did not
# hold.
#
#     FAULTS_ONLY              names of runs, comma separated; else all
#     FAULTS_KILLS      15     workers killed, one every two seconds
#     FAULTS_RESTARTS   6      times the database goes and comes back
#     FAULTS_SLOW       1000   connections that send a byte a second
#     FAULTS_SLOW_S     20     for so long
#     FAULTS_SOAK_S     60     of mixed load while memory is watched
#     FAULTS_CLIENTS   32      clients at once
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
dir=$PWD/build/faults
unset "${!GUSP_@}" "${!PG@}"
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

# What faults.py or an earlier run has left, if it was killed.
clear_up() {
    local server
    for server in "$dir"/server*; do
        [ ! -d "$server" ] || api/tools/server.sh stop "$server"
    done
    [ ! -d "$dir/pg" ] || api/tools/cluster.sh destroy "$dir/pg"
}
finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    clear_up
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

clear_up
rm -rf "$dir"
/usr/bin/python3 tests/faults/faults.py "$dir"
