#!/bin/bash
# Install what is missing of the Debian packages listed in files, one a line.
#
#     api/tools/deps.sh docker/packages-run.txt ...
#
# A second word on a line is a command: where it is found, from wherever, the
# package is not asked for (npm comes with some nodejs packages).
#
# Asks dpkg first: where all is there it takes milliseconds, needs no network
# and no rights. The lists of packages are fetched only when something is
# missing and apt does not know it yet.
set -euo pipefail

wanted=()
while read -r package command; do
    [ -n "$command" ] && command -v "$command" > /dev/null \
        || wanted+=("$package")
done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$@")

# Status of every wanted package in one call; unknown ones print nothing.
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' \
    "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p') || true
mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(sort -u <<< "$installed"))
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || {
        echo "missing packages: ${missing[*]}" >&2
        echo "install them as root, or install sudo" >&2
        exit 1
    }
    as_root=(sudo)
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

# A package that apt has never heard of has no candidate: the lists are
# absent or too old.
known() {
    ! LC_ALL=C apt-cache policy "${missing[@]}" 2> /dev/null \
        | grep -q 'Candidate: (none)' \
        && [ "$(LC_ALL=C apt-cache policy "${missing[@]}" 2> /dev/null \
            | grep -c 'Candidate:')" -eq ${#missing[@]} ]
}

echo "installing: ${missing[*]}"
known || apt update
# Lists fetched long ago may name versions that the mirror dropped since.
apt install -y --no-install-recommends "${missing[@]}" \
    || { apt update && apt install -y --no-install-recommends "${missing[@]}"; }
