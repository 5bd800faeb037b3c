#!/bin/bash
# Every test, on a database and a server of its own; nothing is left running.
#
#     tests/run.sh [ARGUMENTS OF PYTEST]     make test ARGS="-k issue"
#
# Unit tests first, then the http tests against a running server. They find
# in the environment:
#
#     GUSP_TEST_BASE_URL   the server
#     GUSP_TEST_ACCESS     access.json: clients, secrets, a token for each role
#     GUSP_TEST_DB_URL     the database, as its superuser
#     GUSP_TEST_DIR        where the server's files are (api.log, keys)
#     GUSP_DATABASE_URL    the database as the server knows it
#
# GUSP_SANITIZED=1 runs the sanitized unit tests too; GUSP_VALGRIND=1 runs the
# server under valgrind and fails on what it finds.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD
began=$SECONDS
dir=$root/build/test
cluster=$root/build/test-pg
valgrind=${GUSP_VALGRIND:-} sanitized=${GUSP_SANITIZED:-}
unset "${!GUSP_@}" "${!PG@}"
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

# Two runs in one tree would pull the database from under each other. What is
# started from here does not inherit the lock (9>&-).
mkdir -p build
exec 9> build/test.lock
flock -n 9 || {
    echo "tests are running in this tree already" >&2
    exit 1
}

finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    api/tools/server.sh stop "$dir"
    api/tools/tend.sh stop "$dir"
    api/tools/cluster.sh destroy "$cluster"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

# What an earlier run that was killed has left.
api/tools/server.sh stop "$dir"
api/tools/tend.sh stop "$dir"
api/tools/cluster.sh destroy "$cluster"
rm -rf "$dir"
mkdir -p "$dir/keys"
chmod 0700 "$dir/keys"

api/tools/cluster.sh start "$cluster" --throwaway 9>&- || exit 1
GUSP_DATABASE_URL=$(api/tools/cluster.sh url "$cluster")
GUSP_TEST_DB_URL=$(api/tools/cluster.sh superuser "$cluster")
export GUSP_DATABASE_URL GUSP_TEST_DB_URL GUSP_TEST_DIR=$dir
export GUSP_KEY_DIR=$dir/keys
api/tools/install.sh "$GUSP_TEST_DB_URL" || exit 1

GUSP_LEDGER_VKEY=$(api/tools/tend.sh start "$dir" 9>&-) || exit 1
export GUSP_LEDGER_VKEY

# --- unit ------------------------------------------------------------------

units=()
for source in tests/unit/test_*.c; do
    [ -f "$source" ] || continue
    program=build/tests/$(basename "$source" .c)
    [ -x "$program" ] && units+=("$program")
done
if [ "$sanitized" = 1 ]; then
    units+=(build/asan/tests/test_*)
fi
tests/unit.sh "${units[@]}" 9>&- | tee "$dir/unit.txt"
unit_status=${PIPESTATUS[0]}

# --- http ------------------------------------------------------------------

# Quotas are there, so that their headers show, but above what the tests send;
# tests of the quotas start servers of their own (fixture another_server).
export GUSP_RATE=100000 GUSP_TOKEN_RATE=100000 GUSP_TOKEN_TTL=3600
export GUSP_CORS_ORIGINS=https://front.example
export GUSP_PORT=18080
if [ "$valgrind" = 1 ]; then
    GUSP_WRAP="env LD_PRELOAD=$root/build/unsandboxed.so valgrind -q"
    GUSP_WRAP+=" --trace-children=yes --suppressions=$root/tests/valgrind.supp"
    GUSP_WRAP+=" --log-file=$dir/valgrind.%p"
    export GUSP_WRAP GUSP_WORKERS=1
    export GUSP_START_TIMEOUT=180
fi
http_status=1
if GUSP_TEST_BASE_URL=$(api/tools/server.sh start "$dir" 9>&-) \
    && GUSP_SUPERUSER_URL=$GUSP_TEST_DB_URL /usr/bin/python3 \
        api/tools/access.py --every-scope "$GUSP_TEST_BASE_URL" "$dir/access.json"; then
    export GUSP_TEST_BASE_URL GUSP_TEST_ACCESS=$dir/access.json
    # All of them, unless files are named: make test ARGS=tests/http/test_x.py
    places=(tests/http tests/unit)
    for argument in "$@"; do
        [ ! -e "${argument%%::*}" ] || places=()
    done
    /usr/bin/python3 -m pytest -c tests/http/pytest.ini --rootdir . \
        "${places[@]}" "$@" 2>&1 9>&- | tee "$dir/http.txt"
    http_status=${PIPESTATUS[0]}
    # A worker that died was replaced at once: no test may have done that.
    if grep -E '\) gone$|(sandbox|seccomp) violation|AddressSanitizer' "$dir/api.log"; then
        echo "the server lost a worker or broke its sandbox (see above)"
        http_status=1
    fi
fi
api/tools/server.sh stop "$dir"
api/tools/tend.sh stop "$dir"
if [ "$valgrind" = 1 ] && grep -hE -A 12 \
    '== (Invalid|Conditional|Use of|Syscall param|Mismatched|Source and)' \
    "$dir"/valgrind.*; then
    http_status=1
fi

# --- the end ---------------------------------------------------------------

count() {
    grep -oE "[0-9]+ $1" "$dir/http.txt" 2> /dev/null | tail -n 1 \
        | cut -d ' ' -f 1
}
passed=$(($(sed -n 's/^unit: \([0-9]*\) passed.*/\1/p' "$dir/unit.txt") + \
    $(count passed || echo 0) + 0))
failed=$(($(sed -n 's/.* \([0-9]*\) failed$/\1/p' "$dir/unit.txt") + \
    $(count failed || echo 0) + $(count errors? || echo 0) + 0))
echo
tail -n 1 "$dir/unit.txt"
echo "http: $(tail -n 1 "$dir/http.txt" 2> /dev/null || echo not run)"
echo "in $((SECONDS - began)) s"
if [ "$unit_status" -ne 0 ] || [ "$http_status" -ne 0 ]; then
    [ $failed -gt 0 ] || failed=1
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
