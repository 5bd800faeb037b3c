#!/bin/bash
# The API beside the database alone: make bench
#
# A cluster of its own with 200,000 sites and as many issues, a server on it,
# and for each workload, in turns, wrk against the API and pgbench against
# PostgreSQL with the very statements that the API runs. See measure.py.
#
#     BENCH_OF       sites issues   what is measured; "sites" fills no issues
#     BENCH_SITES    200000   sites to fill
#     BENCH_ISSUES   200000   issues to fill
#     BENCH_SECONDS  8        length of a run
#     BENCH_ROUNDS   3        runs of each, alternating; the best counts
#     BENCH_SOAK     0        minutes of load while resident memory is watched
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
dir=$PWD/build/bench
cluster=$PWD/build/bench-pg
unset "${!GUSP_@}" "${!PG@}"
export LC_ALL=C.UTF-8

finish() {
    local status=$?
    trap '' INT TERM HUP
    trap - EXIT
    api/tools/server.sh stop "$dir"
    api/tools/cluster.sh destroy "$cluster"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

api/tools/server.sh stop "$dir"
api/tools/cluster.sh destroy "$cluster"
rm -rf "$dir"
mkdir -p "$dir/keys"
chmod 0700 "$dir/keys"
api/tools/cluster.sh start "$cluster" || exit 1
GUSP_DATABASE_URL=$(api/tools/cluster.sh url "$cluster")
BENCH_DB_URL=$(api/tools/cluster.sh superuser "$cluster")
export GUSP_DATABASE_URL BENCH_DB_URL GUSP_KEY_DIR=$dir/keys
api/tools/install.sh "$BENCH_DB_URL" || exit 1
echo "filling ${BENCH_SITES:=200000} sites ..."
psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -v n="$BENCH_SITES" \
    -f tests/data/many_sites.sql "$BENCH_DB_URL" || exit 1
export BENCH_OF=${BENCH_OF:-sites issues}
if [[ " $BENCH_OF " == *" issues "* ]]; then
    echo "filling ${BENCH_ISSUES:=200000} issues ..."
    psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -v n="$BENCH_ISSUES" \
        -f tests/data/many_issues.sql "$BENCH_DB_URL" || exit 1
fi
psql -X -q -v ON_ERROR_STOP=1 -c "INSERT INTO gusp_demo.member SELECT 'bench', membership_id
    FROM gusp_bench.member WHERE role = 'city' ON CONFLICT DO NOTHING" "$BENCH_DB_URL" || exit 1
psql -X -q -c 'VACUUM ANALYZE' "$BENCH_DB_URL" || exit 1

# The quota is off and tokens live long enough for a soak: said here because
# both are configuration that a measurement changes.
export GUSP_RATE=0 GUSP_TOKEN_TTL=43200 GUSP_PORT=18280
base=$(api/tools/server.sh start "$dir") || exit 1
GUSP_SUPERUSER_URL=$BENCH_DB_URL /usr/bin/python3 api/tools/access.py \
    "$base" "$dir/access.json" || exit 1
BENCH_PID=$(api/tools/server.sh pid "$dir") \
    /usr/bin/python3 tests/bench/measure.py "$base" "$dir"
