#!/bin/bash
# The images: built from nothing but Debian's packages, and started as
# docker/compose.yaml starts them (read only, no capabilities, secrets as
# files), with HAProxy and TLS in front; then what the edge must refuse.
#
#     tests/image.sh [config|build|serve|edge] ...      all unless told
#
# No image registry is asked: the base is a debootstrap of the same Debian,
# which proves the build, not the bytes of the official image. Everything runs
# on loopback with the host's network; ports 15432, 18180 and 18443. Needs root.
# IMAGE_KEEP=1 keeps the images.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "$(id -u)" -eq 0 ] || {
    echo "tests/image.sh needs root" >&2
    exit 1
}
api/tools/deps.sh docker/packages-image.txt
steps=("$@")
[ $# -gt 0 ] || steps=(config build serve edge)

work=$(mktemp -d "${TMPDIR:-/tmp}/gusp-image.XXXXXX")
base=docker.io/library/debian:bookworm-slim
name=gusp-test-$$
containers=()

say() { printf '\n=== %s (%d s)\n' "$*" $SECONDS; }
wants() { [[ " ${steps[*]} " == *" $1 "* ]]; }
fail() {
    echo "FAIL $*" >&2
    exit 1
}

finish() {
    local status=$? one
    trap - EXIT
    [ $status -eq 0 ] || for one in "${containers[@]}"; do
        echo "--- $one" >&2
        podman logs --tail 20 "$one" >&2 || true
    done
    for one in "${containers[@]}"; do
        podman rm -f -t 5 "$one" > /dev/null 2>&1 || true
    done
    podman volume rm -f "$name-data" "$name-keys" > /dev/null 2>&1 || true
    [ -n "${IMAGE_KEEP:-}" ] || ! wants build || podman rmi -f \
        localhost/gusp/api localhost/gusp/database localhost/gusp/edge \
        > /dev/null 2>&1 || true
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP

docker/secrets.sh "$work/secrets"

if wants config; then
    say "haproxy.cfg and compose.yaml"
    sed "s|/run/secrets|$work/secrets|" docker/haproxy.cfg > "$work/haproxy.cfg"
    GUSP_NODES=api haproxy -c -f "$work/haproxy.cfg"
    python3 - <<- 'PY'
	import yaml
	document = yaml.safe_load(open("docker/compose.yaml"))
	for name, service in document["services"].items():
	    assert service["read_only"] and service["cap_drop"] == ["ALL"], name
	    assert service["security_opt"] == ["no-new-privileges:true"], name
	    assert not any("PASSWORD" in key or "SECRET" in key
	                   for key in service.get("environment", {})), name
	assert set(document["services"]) - {
	    name for name, service in document["services"].items()
	    if "ports" not in service} == {"edge"}, "only the edge has ports"
	print("compose.yaml: every service is closed")
	PY
fi

if wants build; then
    if ! podman image exists "$base"; then
        say "base image"
        tests/bare.sh "$work/root" ca-certificates
        tar -C "$work/root" --exclude='./dev/*' -cf - . \
            | podman import - "$base" > /dev/null
        rm -rf --one-file-system "$work/root"
    fi
    for image in api database edge; do
        say "image $image"
        file=docker/$image.Dockerfile
        [ $image = api ] && file=docker/Dockerfile
        buildah bud --isolation chroot --network host --pull-never \
            --format docker ${REDOC:+--build-arg REDOC=$REDOC} \
            --build-arg VERSION="$(git describe --tags --always --dirty 2> /dev/null)" \
            -f $file -t localhost/gusp/$image . > "$work/build.log" 2>&1 || {
            tail -n 40 "$work/build.log"
            fail "build of $image"
        }
        podman image inspect localhost/gusp/$image \
            --format '{{.Size}} bytes, user {{.User}}'
    done
fi

# run NAME IMAGE ARGUMENTS...: a container closed as compose.yaml closes it.
run() {
    local one=$name-$1
    shift
    containers+=("$one")
    podman --runtime runc run -d --name "$one" --pull=never --network host \
        --ulimit nofile=8192:8192 --ulimit nproc=1024:1024 --read-only \
        --cap-drop=ALL --security-opt no-new-privileges --pids-limit 256 \
        --tmpfs /tmp:rw,noexec,nosuid,nodev,size=96m,mode=1777 "$@" \
        2>&1 > /dev/null | { grep -v 'systemd connection' >&2 || true; }
}

# until_true SECONDS COMMAND...
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.3
    done
}

url=postgresql://127.0.0.1:15432/gusp
api=(-e "GUSP_DATABASE_URL=$url" -e GUSP_ISSUER=https://localhost:18443
    -e GUSP_BIND=127.0.0.1 -e GUSP_PORT=18180 -e GUSP_WORKERS=1
    -e GUSP_TRUSTED_PROXIES=127.0.0.1
    -e GUSP_HEALTH_URL=http://127.0.0.1:18180/readyz
    -v "$name-keys:/var/lib/gusp/keys")
as_server=(-e GUSP_PASSFILE=/run/secrets/passfile
    -v "$work/secrets/passfile:/run/secrets/passfile:ro")
as_owner=(-e GUSP_PASSFILE=/run/secrets/passfile_owner
    -v "$work/secrets/passfile_owner:/run/secrets/passfile_owner:ro")

# once ARGUMENTS...: a one-shot container; its last line if it fails.
once() {
    podman --runtime runc run --rm --pull=never --network host --read-only \
        --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 --cap-drop=ALL \
        --security-opt no-new-privileges \
        --tmpfs /tmp:rw,noexec,nosuid,nodev,size=8m,mode=1777 "$@"
}

if wants serve || wants edge; then
    say "database"
    run database -v "$name-data:/var/lib/postgresql/data" \
        -v "$work/secrets/passfile:/run/secrets/passfile:ro" \
        -v "$work/secrets/passfile_owner:/run/secrets/passfile_owner:ro" \
        -e PGPORT=15432 -e LISTEN=127.0.0.1 localhost/gusp/database
    until_true 60 podman exec "$name-database" \
        pg_isready -q -h 127.0.0.1 -p 15432 -d gusp \
        || fail "the database is not ready"
    say "setup, twice"
    once "${api[@]}" "${as_owner[@]}" localhost/gusp/api setup
    once "${api[@]}" "${as_owner[@]}" localhost/gusp/api setup
    say "api"
    run api "${api[@]}" "${as_server[@]}" localhost/gusp/api
    until_true 40 curl -sf http://127.0.0.1:18180/readyz \
        || fail "the API is not ready"
    podman exec "$name-api" gusp healthcheck || fail "gusp healthcheck"
    podman healthcheck run "$name-api" || fail "the image's health check"
    [ "$(podman exec "$name-api" id -u)" = 10001 ] || fail "the API's user"
    podman exec "$name-api" sh -c 'touch /usr/x' 2> /dev/null \
        && fail "the API's file system is writable"
    echo "ok   the API is healthy as user 10001, read only"
fi

# expect STATUS WHAT ARGUMENTS OF CURL...
expect() {
    local wanted=$1 what=$2 got
    shift 2
    got=$(curl -sk -o "$work/body" -w '%{http_code}' -m 10 "$@") || true
    [ "$got" = "$wanted" ] || {
        head -c 400 "$work/body" || true
        fail "$what: $got instead of $wanted"
    }
    echo "ok   $wanted $what"
}

# raw STATUS WHAT BYTES: what no client library would send, over TLS.
raw() {
    local got
    got=$(printf '%b' "$3" | timeout 8 openssl s_client -quiet -ign_eof \
        -connect 127.0.0.1:18443 2> /dev/null | head -n 1 | cut -d ' ' -f 2) \
        || true
    [ "$got" = "$1" ] || fail "$2: ${got:-nothing} instead of $1"
    echo "ok   $1 $2"
}

if wants edge; then
    say "edge"
    # One machine: the node is named by address, the ports are the test's; as
    # many connections as this machine's limit of files may allow.
    sed -e 's/maxconn 12000/maxconn 2000/' -e 's/:8443 ssl/127.0.0.1:18443 ssl/' -e 's/bind :8080/bind 127.0.0.1:18088/' \
        -e 's|server-template api .*|server api 127.0.0.1:18180|' \
        docker/haproxy.cfg > "$work/edge.cfg"
    chmod 0644 "$work/edge.cfg"
    run edge -v "$work/edge.cfg:/etc/haproxy/haproxy.cfg:ro" \
        -v "$work/secrets/tls.pem:/run/secrets/tls.pem:ro" localhost/gusp/edge
    site=https://127.0.0.1:18443
    until_true 20 curl -skf $site/readyz || fail "the edge is not ready"
    expect 200 "HTTP/2" --http2 $site/livez
    expect 308 "plain HTTP is redirected" http://127.0.0.1:18088/livez
    expect 404 "/metrics" $site/metrics
    expect 401 "no token" $site/v1/sites
    expect 400 "GET with a body" --http1.1 -X GET -d '{}' $site/livez
    expect 400 "%00 in the path" "$site/v1/o%00ne"
    expect 413 "eleven mebibytes" --http1.1 -X POST -H 'Expect:' \
        -H 'Content-Length: 11534336' --data-binary 'x' $site/v1/sites
    expect 411 "chunks" --http1.1 -X POST -H 'Transfer-Encoding: chunked' \
        -d '{}' $site/v1/sites
    raw 400 "two Content-Length" 'POST /v1/sites HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'
    raw 400 "no Host" 'GET /livez HTTP/1.1\r\n\r\n'
    raw 400 "two Host" 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n'
    raw 400 "garbage" 'HELLO\r\n\r\n'
    raw 200 "a header that starts as Host does" 'GET /livez HTTP/1.1\r\nHostile: b\r\nHost: a\r\nConnection: close\r\n\r\n'
    raw 200 "an empty Accept" 'GET /livez HTTP/1.1\r\nHost: a\r\nAccept:\r\nConnection: close\r\n\r\n'
    curl -sk -D - -o /dev/null $site/livez | tr -d '\r' > "$work/headers"
    grep -qi '^strict-transport-security: max-age=31536000$' "$work/headers" \
        || fail "no HSTS"
    ! grep -qi '^server:' "$work/headers" || fail "the server names itself"
    for old in tls1 tls1_1; do
        ! timeout 5 openssl s_client -$old -connect 127.0.0.1:18443 \
            < /dev/null > /dev/null 2>&1 || fail "$old is spoken"
    done
    echo "ok   HSTS, no Server, no TLS before 1.2"
    say "drain: SIGTERM to the API stops it within its grace"
    podman stop -t 20 "$name-api" > /dev/null
    [ "$(podman inspect -f '{{.State.ExitCode}}' "$name-api")" = 0 ] \
        || fail "the API did not stop in order"
fi
say "all passed: ${steps[*]}"
