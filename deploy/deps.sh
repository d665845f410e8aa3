#!/bin/sh
# Installs the Debian 12 packages that building and testing need and that are
# not there yet.  As root, or through sudo.
set -eu

packages="gcc make pkg-config binutils clang clang-format gdb mandoc curl openssl
libssl-dev libsodium-dev libjansson-dev libmicrohttpd-dev libyaml-dev
libseccomp-dev uthash-dev libcriterion-dev libnng-dev libmbedtls-dev
libclang-rt-14-dev zlib1g-dev zsh dpkg-dev iproute2 nftables
python3 python3-pytest python3-jwcrypto python3-yaml"
# Any Node.js with npm will do; Debian's is taken where there is none.
command -v npm >/dev/null 2>&1 || packages="$packages nodejs npm"

missing=
for p in $packages; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' ||
		missing="$missing $p"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "make deps: needs root to install:$missing" >&2
		exit 1
	}
	as_root="sudo"
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
