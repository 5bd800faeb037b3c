# The image's first program. "serve" starts Kore; "setup" applies migrations
# and, the first time, makes a signing key; "tend" makes the ledger's key the
# first time; anything else is a verb of the gusp command (migrate, key list,
# healthcheck ...).
set -eu

# libpq ignores a passfile that others may read, and a mounted secret is what
# its host made it: a copy in the private /tmp is ours alone.
if [ -n "${GUSP_PASSFILE:-}" ]; then
    rm -f /tmp/passfile
    (umask 377 && cat "$GUSP_PASSFILE" > /tmp/passfile)
    export GUSP_PASSFILE=/tmp/passfile
fi

case ${1:-serve} in
serve) ;;
setup)
    gusp migrate
    # Columns: kid, alg, state ...
    gusp key list | awk -F '\t' '$3 == "active" { found = 1 }
        END { exit !found }' || {
        gusp key new
        gusp key activate
    }
    exit 0
    ;;
tend)
    [ -z "${GUSP_LEDGER_KEY:-}" ] || [ -f "${GUSP_LEDGER_KEY%%:*}" ] \
        || gusp key ledger "$GUSP_LEDGER_ORIGIN" "$GUSP_LEDGER_KEY"
    exec gusp "$@"
    ;;
*) exec gusp "$@" ;;
esac

sed -e "s|@PORT@|$GUSP_PORT|g" -e "s|@BIND@|$GUSP_BIND|g" \
    -e "s|@WORKERS@|${GUSP_WORKERS:-$(nproc)}|g" \
    -e "s|@MODULE@|/usr/lib/gusp/gusp.so|g" -e "s|@TMP@|/tmp/bodies|g" \
    /usr/share/gusp/kore.conf > /tmp/kore.conf
# In the foreground, without chroot and change of user: the container is both.
cd /tmp
exec kore -c /tmp/kore.conf -f -n -r
