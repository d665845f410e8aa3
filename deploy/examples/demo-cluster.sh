#!/bin/sh
# Three nodes on loopback: each makes its own keys, every JWK Set lists all of
# them, an application at node a has a token signed by a key that only b holds
# and a JWE opened that only c can open; then b is killed, and the application
# notices nothing but another kid.
set -eu
BUILD=$(cd "$(dirname "$0")/../.." && cd "${BUILD:-build}" && pwd)
PATH=$BUILD/bin:$PATH
dir=$(mktemp -d)
pids=
finish() {
	status=$?
	for pid in $pids; do kill "$pid" 2>/dev/null || :; done
	for pid in $pids; do wait "$pid" 2>/dev/null || :; done
	[ $status = 0 ] || tail -n 20 "$dir"/*/log >&2
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM
step() { printf '\n== %s\n' "$*"; }
# Runs a command until it succeeds, for at most 30 s.
until_true() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || { echo "gave up: $*" >&2; exit 1; }
		sleep 0.1
	done
}
# Three free ports, asked of the kernel.
ports=$(/usr/bin/python3 -c '
import socket
held = [socket.socket() for _ in range(3)]
for s in held: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in held))')

step "a certificate authority, and two certificates for each node"
vhsm cluster init "$dir/pki"
for node in a b c; do
	vhsm cluster issue --ca "$dir/pki" --out "$dir/pki" --dev $node
done
ls "$dir/pki"

step "three nodes, each with keys of its own"
# shellcheck disable=SC2086
set -- $ports
seeds="\"127.0.0.1:$1\", \"127.0.0.1:$2\", \"127.0.0.1:$3\""
for node in a b c; do
	mkdir "$dir/$node"
	cat >"$dir/$node/keyspec.yaml" <<SPEC
version: 1
defaults: {publish_before: 2s, keep_after: 1h}
keys:
  - {name: sign-$node, generate: {kty: EC, crv: P-256}, use: sig}
  - {name: open-$node, generate: {kty: EC, crv: P-256}, use: enc}
SPEC
	cat >"$dir/$node/vhsmd.yaml" <<CONFIG
node: {name: $node, state: $dir/$node/state}
listen: {socket: "ipc://$dir/$node/vhsm.sock", operator: "ipc://$dir/$node/operator.sock"}
http: {discovery: "127.0.0.1:0"}
keys: keyspec.yaml
cluster:
  listen: "tls+tcp://127.0.0.1:$1"
  advertise: "127.0.0.1:$1"
  seeds: [$seeds]
  ca: $dir/pki/ca.crt
  tls: {cert: $dir/pki/$node.tls.crt, key: $dir/pki/$node.tls.key}
  record: {cert: $dir/pki/$node.record.crt, key: $dir/pki/$node.record.key}
CONFIG
	shift
	vhsmd --config "$dir/$node/vhsmd.yaml" 2>"$dir/$node/log" &
	pids="$pids $!"
	[ $node != b ] || b=$!
done
at() {
	node=$1
	shift
	vhsm -s "ipc://$dir/$node/vhsm.sock" "$@"
}
published() {
	http=$(sed -n 's/.*event=ready.* http=\([^ ]*\).*/\1/p' "$dir/$1/log")
	curl -sS "http://$http/.well-known/jwks.json"
}
lists_six() { [ "$(published "$1" | grep -o '"kid"' | wc -l)" = 6 ]; }
signs() { echo x | at a sign --name "$1"; }
for node in a b c; do until_true lists_six $node; done
for node in a b c; do until_true signs sign-$node; done
at a cluster status

step "every node publishes the whole cluster's keys: kids at a, b and c"
for node in a b c; do
	published $node | grep -o '"kid":"[^"]*"' | sort | cut -c1-20 | tr '\n' ' '
	echo
done

step "an application at a has a token signed by b's key; c verifies it"
printf 'signed by b' | at a sign --name sign-b >"$dir/token"
cut -c1-120 "$dir/token"
at c verify "$dir/token"
echo

step "jwcrypto encrypts for c's key; the application at a has it opened"
at c keys --name open-c >"$dir/open-c"
/usr/bin/python3 - "$dir" <<'APP'
import sys
from jwcrypto import jwe, jwk
folder = sys.argv[1]
(key,) = jwk.JWKSet.from_json(open(folder + "/open-c").read())
box = jwe.JWE(b"only c can open this", recipient=key, protected={
    "alg": "ECDH-ES+A256KW", "enc": "A256GCM", "kid": key["kid"]})
open(folder + "/box", "w").write(box.serialize(compact=True))
APP
at a decrypt "$dir/box"
echo

step "b is killed; the application goes on and sees but another kid"
kill -9 "$b"
for i in 1 2 3 4 5; do
	printf 'token %s' $i | at a sign --alg ES256 |
		cut -d. -f1 | tr '_-' '/+' | base64 -d 2>/dev/null || :
	echo
done
at a verify "$dir/token" && echo " (b's old token still verifies)"
