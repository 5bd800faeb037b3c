#!/bin/bash
# The two commands on a Debian 12 that has nothing: "make run" twice, then
# "make test", as root and as an ordinary user with sudo.
#
#     tests/fresh.sh [root|user] ...        both unless told
#
# Makes a minimal Debian in a temporary directory (debootstrap), copies the
# tree of HEAD into it and works there in a chroot. FRESH_TREE=work copies the
# work tree as it is instead (what git does not ignore). Takes some ten
# minutes; needs root. All of it is removed at the end; FRESH_KEEP=1 keeps it.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "$(id -u)" -eq 0 ] || {
    echo "tests/fresh.sh needs root" >&2
    exit 1
}
api/tools/deps.sh docker/packages-image.txt
steps=("$@")
[ $# -gt 0 ] || steps=(root user)

base=$(mktemp -d "${TMPDIR:-/tmp}/gusp-fresh.XXXXXX")
chmod 0755 "$base"
place=$base/none

say() { printf '\n=== %s (%d s)\n' "$*" $SECONDS; }

# Whatever still runs in a place was started there by us.
inside() {
    local link
    for link in /proc/[0-9]*/root; do
        [ "$(readlink "$link" 2> /dev/null)" != "$place" ] \
            || basename "$(dirname "$link")"
    done
}

leave() {
    local pid mount
    for pid in $(inside); do
        kill -KILL "$pid" 2> /dev/null || true
    done
    for mount in dev/pts dev/shm dev sys proc; do
        mountpoint -q "$place/$mount" && umount -l "$place/$mount"
    done
    return 0
}

finish() {
    local status=$?
    trap - EXIT
    leave
    # Never into what is still mounted.
    [ -n "${FRESH_KEEP:-}" ] || rm -rf --one-file-system "$base"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

tree() {
    if [ "${FRESH_TREE:-HEAD}" = work ]; then
        git ls-files -z --cached --others --exclude-standard \
            | tar --null --ignore-failed-read -T - -cf -
    else
        git archive HEAD
    fi
}

enter() {
    mount -t proc proc "$place/proc"
    mount -t sysfs -o ro sysfs "$place/sys"
    mount --rbind /dev "$place/dev"
    mount --make-rslave "$place/dev"
}

# in_place COMMAND: as the user of this step, in the tree, with an environment
# that has nothing of this machine but how it reaches its mirrors.
in_place() {
    local env=(HOME="$home" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        TERM=dumb LANG=C.UTF-8)
    local name
    for name in http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || env+=("$name=${!name}")
    done
    [ ! -f "$place/etc/ssl/certs/ca-certificates.crt" ] \
        || env+=(NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)
    chroot --userspec="$user:$user" "$place" \
        /usr/bin/env -i "${env[@]}" USER="$user" sh -c "cd $home/gusp && $1"
}

# "make run" until a request with a token of its access.json is answered, then
# Ctrl-C; nothing may run afterwards.
run_once() {
    local access=$place$home/gusp/.run/access.json began=$SECONDS pid answer
    local stamp=$base/stamp
    touch "$stamp"
    in_place 'exec make run' > "$base/run.log" 2>&1 &
    pid=$!
    until [ "$access" -nt "$stamp" ] \
        && grep -q '^Ctrl-C' "$base/run.log" 2> /dev/null; do
        kill -0 $pid 2> /dev/null && [ $((SECONDS - began)) -lt 900 ] || {
            tail -n 40 "$base/run.log"
            echo "FAIL make run"
            return 1
        }
        sleep 1
    done
    answer=$(python3 - "$access" <<- 'PY'
	import json, sys, urllib.request
	access = json.load(open(sys.argv[1]))
	paths = json.load(urllib.request.urlopen(
	    access["base_url"] + "/openapi.json"))["paths"]
	path = next(path for path, item in paths.items()
	            if "city" in item.get("get", {}).get("x-roles", [])
	            and "{" not in path)
	request = urllib.request.Request(access["base_url"] + path, headers={
	    "Authorization": "Bearer " + access["tokens"]["city"]})
	print(urllib.request.urlopen(request).status, path)
	PY
    )
    echo "$answer"
    sed -n '/^API  /,$p' "$base/run.log" | cut -c 1-72
    # Ctrl-C goes to make and its children alike: the group's leader here is
    # this script, so the signal is sent to make, which passes TERM on.
    kill -TERM "$(pgrep -P $pid -x make || echo $pid)"
    wait $pid || true
    for _ in $(seq 20); do
        [ -z "$(inside)" ] && break
        sleep 0.5
    done
    if [ -n "$(inside)" ]; then
        echo "FAIL left running: $(for pid in $(inside); do
            tr '\0' ' ' < /proc/"$pid"/cmdline; echo; done)"
        return 1
    fi
    case $answer in
    200*) echo "ok   make run in $((SECONDS - began)) s" ;;
    *) return 1 ;;
    esac
}

say "debootstrap"
tests/bare.sh "$base/debian" ca-certificates,make,sudo
# Nothing is to be started there by the packages themselves.
printf '#!/bin/sh\nexit 101\n' > "$base/debian/usr/sbin/policy-rc.d"
chmod +x "$base/debian/usr/sbin/policy-rc.d"

for step in "${steps[@]}"; do
    place=$base/$step
    cp -a "$base/debian" "$place"
    case $step in
    root)
        user=root home=/root
        ;;
    user)
        user=gardien home=/home/gardien
        chroot "$place" useradd -m -s /bin/bash "$user"
        echo "$user ALL=(ALL) NOPASSWD: ALL" > "$place/etc/sudoers.d/$user"
        ;;
    *)
        echo "no step $step" >&2
        exit 2
        ;;
    esac
    mkdir "$place$home/gusp"
    tree | tar -C "$place$home/gusp" -xf -
    chroot "$place" chown -R "$user": "$home/gusp"
    enter
    say "$step: first make run"
    run_once
    say "$step: second make run"
    run_once
    say "$step: make test"
    in_place 'make test' > "$base/test.log" 2>&1 || {
        tail -n 60 "$base/test.log"
        exit 1
    }
    tail -n 5 "$base/test.log"
    [ -z "$(inside)" ] || {
        echo "FAIL make test left something running"
        exit 1
    }
    leave
done
say "all passed: ${steps[*]}"
