#!/bin/bash
# Run unit tests and count them.
#
#     tests/unit.sh PROGRAM ...
#
# A program that passes is one line; one that fails shows all it said.
set -uo pipefail

# Leaks are errors under the sanitizers too.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}

passed=0 failed=0
for program in "$@"; do
    name=${program#build/}
    # A test that needs a database names the variable that says where.
    if [ -z "${GUSP_TEST_DB_URL:-}" ] && grep -q GUSP_TEST_DB_URL "$program"
    then
        printf 'skip %-32s needs a database\n' "$name"
        continue
    fi
    said=$(timeout 120 "$program" 2>&1)
    status=$?
    good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s).*/\1/p' <<< "$said" \
        | awk '{ n += $1 } END { print n + 0 }')
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test(s), .*/\1/p' <<< "$said" \
        | awk '{ n += $1 } END { print n + 0 }')
    passed=$((passed + good))
    if [ $status -eq 0 ] && [ "$bad" -eq 0 ]; then
        printf 'ok   %-32s %3d\n' "$name" "$good"
        continue
    fi
    # Killed, or stopped by a sanitizer: at least one failure.
    failed=$((failed + (bad > 0 ? bad : 1)))
    grep -vE '^\[ +(RUN|OK) ' <<< "$said"
    printf 'FAIL %-32s status %d\n' "$name" $status
done
echo "unit: $passed passed, $failed failed"
[ $failed -eq 0 ]
