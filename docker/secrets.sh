#!/bin/bash
# Make what docker/compose.yaml mounts as secrets, once: passwords of the
# database roles, and a self-signed certificate to be replaced by a real one.
#
#     docker/secrets.sh [DIR]        docker/secrets unless told
#
# The files are readable by the containers' users (which are not the host's),
# the directory by its owner alone.
set -euo pipefail

dir=${1:-$(dirname "${BASH_SOURCE[0]}")/secrets}
mkdir -p -m 0700 "$dir"
chmod 0700 "$dir"

# passfile NAME ROLE ...: a password for each, never twice for the same file.
passfile() {
    local file=$dir/$1 role
    shift
    [ ! -f "$file" ] || return 0
    for role in "$@"; do
        echo "*:*:gusp:$role:$(openssl rand -hex 24)"
    done > "$file.new"
    chmod 0444 "$file.new"
    mv "$file.new" "$file"
}

passfile passfile gusp_member gusp_auditor gusp_admin gusp_auth gusp_ledger \
    gusp_privacy
passfile passfile_owner gusp_owner

if [ ! -f "$dir/tls.pem" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -days 90 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
        -keyout "$dir/key.pem" -out "$dir/certificate.pem" 2> /dev/null
    cat "$dir/certificate.pem" "$dir/key.pem" > "$dir/tls.pem"
    rm "$dir/key.pem"
    chmod 0444 "$dir/tls.pem" "$dir/certificate.pem"
fi
