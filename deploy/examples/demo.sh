#!/bin/sh
# Shows the main job of a node on real input: keys from a spec, one of them from
# a file that is gone afterwards, a JWK Set over HTTP, a signature that jwcrypto
# verifies, and a JWE of jwcrypto's that an application has decrypted.
set -eu
BUILD=$(cd "$(dirname "$0")/../.." && cd "${BUILD:-build}" && pwd)
dir=$(mktemp -d)
daemon=
finish() {
	status=$?
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || :
	[ -z "$daemon" ] || wait "$daemon" 2>/dev/null || :
	[ $status = 0 ] || { echo "--- the node's log:"; cat "$dir/log"; } >&2
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM
step() { printf '\n== %s\n' "$*"; }

step "a private key file, as an earlier system might have left one"
mkdir "$dir/keys"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
	-out "$dir/keys/legacy.pem" 2>/dev/null ||
	openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 \
		-out "$dir/keys/legacy.pem" 2>/dev/null
chmod 600 "$dir/keys/legacy.pem"
ls -l "$dir/keys" | tail -n 1

step "the key spec"
cat >"$dir/keyspec.yaml" <<'SPEC'
version: 1
keys:
  - name: id-token
    generate: {kty: EC, crv: P-256}
    use: sig
    alg: ES256
  - name: inbox
    generate: {kty: RSA, bits: 2048}
    use: enc
  - name: legacy
    load: {file: keys/legacy.pem}
    use: sig
SPEC
cat "$dir/keyspec.yaml"

step "a node starts"
VHSM_SOCKET=ipc://$dir/vhsm.sock
export VHSM_SOCKET
"$BUILD/bin/vhsmd" --keyspec "$dir/keyspec.yaml" --listen "$VHSM_SOCKET" \
	--operator "ipc://$dir/operator.sock" --http 127.0.0.1:0 \
	--state "$dir/state" 2>"$dir/log" &
daemon=$!
tries=0
until grep -q 'event=ready' "$dir/log"; do
	tries=$((tries + 1))
	if [ $tries -gt 300 ] || ! kill -0 "$daemon" 2>/dev/null; then
		echo "the node did not become ready" >&2
		exit 1
	fi
	sleep 0.1
done
grep 'event=ready' "$dir/log"
http=$(sed -n 's/.*event=ready.* http=\([^ ]*\).*/\1/p' "$dir/log")
"$BUILD/bin/vhsm" status

step "the key file is gone, its key is live"
ls -A "$dir/keys" | grep . && { echo "the key file is still there" >&2; exit 1; }
echo "(empty folder)"

step "the node's public keys, over HTTP"
curl -sS "http://$http/.well-known/jwks.json" | tee "$dir/jwks.json"
echo

step "an application signs a JWT with the key named id-token"
printf '{"iss":"https://issuer.example","sub":"42"}' |
	"$BUILD/bin/vhsm" sign --name id-token --typ JWT | tee "$dir/token"

step "jwcrypto verifies it with the published keys, and encrypts an answer"
/usr/bin/python3 - "$dir" <<'APP'
import sys
from jwcrypto import jwe, jwk, jws
folder = sys.argv[1]
keys = jwk.JWKSet.from_json(open(folder + "/jwks.json").read())
token = jws.JWS()
token.deserialize(open(folder + "/token").read().strip())
key = keys.get_key(token.jose_header["kid"])
token.verify(key)
print("verified:", token.payload.decode())
to = next(k for k in keys if k.get("use") == "enc")
box = jwe.JWE(b"the answer", recipient=to, protected={
    "alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": to["kid"]})
open(folder + "/box", "w").write(box.serialize(compact=True))
APP

step "another application process has it decrypted"
"$BUILD/bin/vhsm" decrypt "$dir/box"
echo

step "the node stops"
kill -TERM "$daemon"
wait "$daemon" && echo "exit status 0"
daemon=
