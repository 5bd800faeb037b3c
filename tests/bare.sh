#!/bin/bash
# A bare Debian 12 in a directory, from the mirror that apt uses here.
#
#     tests/bare.sh DIR [PACKAGE,PACKAGE...]
#
# Proxies and certificates that this machine needs to reach its mirrors go
# along: without them nothing could be installed there. Run as root.
set -euo pipefail

target=$1
include=${2:-ca-certificates}

# The first address of bookworm, in either form of apt's sources.
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(CODENAME)' \
    'Created-By: Packages' 2> /dev/null \
    | awk '/ bookworm$/ && !/security|updates|backports/ { print $1; exit }')
[ -n "$mirror" ] || {
    echo "bare: apt knows no mirror of bookworm" >&2
    exit 1
}

# The package's keys may be elsewhere than debootstrap looks.
keys=$(ls /usr/share/keyrings/debian-archive-keyring.{gpg,pgp} 2> /dev/null \
    | head -n 1) || true
debootstrap --variant=minbase ${keys:+--keyring="$keys"} \
    --include="$include" bookworm "$target" "$mirror" > "$target.log" 2>&1 || {
    tail -n 20 "$target.log" >&2
    exit 1
}
rm -f "$target.log"

# Security updates come from a place of their own: the sources are those here.
rm -f "$target/etc/apt/sources.list"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    [ ! -f "$file" ] || cp "$file" "$target$file"
done
grep -liE 'proxy|verify-peer|cainfo' /etc/apt/apt.conf.d/* 2> /dev/null \
    | xargs -r cp -t "$target/etc/apt/apt.conf.d" || true
cp -L /etc/resolv.conf "$target/etc/resolv.conf"
if compgen -G '/usr/local/share/ca-certificates/*.crt' > /dev/null; then
    mkdir -p "$target/usr/local/share/ca-certificates"
    cp /usr/local/share/ca-certificates/*.crt \
        "$target/usr/local/share/ca-certificates"
    [ ! -x "$target/usr/sbin/update-ca-certificates" ] \
        || chroot "$target" update-ca-certificates > /dev/null 2>&1
fi
