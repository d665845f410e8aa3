#!/bin/sh
# make deb: three binary packages of what is built, without network:
# vhsmd (the daemon and vhsm), libvhsm0 (the library), libvhsm-dev.
# Uses dpkg-deb and dpkg-shlibdeps alone.
set -eu
BUILD=${BUILD:-build}
here=$(dirname "$0")
out=$BUILD/deb
stage=$out/stage
arch=$(dpkg --print-architecture)
libdir=/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
maintainer="vhsmd maintainers <maintainers@localhost>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
umask 022

rm -rf "$out"
mkdir -p "$stage"
${MAKE:-make} --no-print-directory -s install BUILD="$BUILD" DESTDIR="$stage/all" PREFIX=/usr LIBDIR="$libdir"

# take PACKAGE PATH...: moves paths of the installed tree into a package.
take() {
	package=$1
	shift
	for path; do
		mkdir -p "$stage/$package/$(dirname "$path")"
		mv "$stage/all/$path" "$stage/$package/$path"
	done
}
# put FROM TO: within the installed tree, to where Debian has it.
put() {
	mkdir -p "$stage/all/$(dirname "$2")"
	mv "$stage/all/$1" "$stage/all/$2"
}
put usr/share/vhsmd/systemd/vhsmd.service lib/systemd/system/vhsmd.service
put usr/share/vhsmd/systemd/vhsmd.sysusers.conf usr/lib/sysusers.d/vhsmd.conf
put usr/share/vhsmd/systemd/vhsmd.tmpfiles.conf usr/lib/tmpfiles.d/vhsmd.conf
rmdir -p --ignore-fail-on-non-empty "$stage/all/usr/share/vhsmd/systemd"
put usr/share/zsh/site-functions usr/share/zsh/vendor-completions
for f in "$stage"/all/usr/share/doc/vhsmd/examples/*.c; do
	put "usr/share/doc/vhsmd/examples/${f##*/}" "usr/share/doc/libvhsm-dev/examples/${f##*/}"
done
take libvhsm-dev usr/include usr/share/man/man3 "${libdir#/}/pkgconfig" "${libdir#/}/libvhsm.a" \
    "${libdir#/}/libvhsm.so" usr/share/doc/libvhsm-dev
take libvhsm0 "${libdir#/}"
cp -a "$stage/all" "$stage/vhsmd"
rm -rf "$stage/all"
find "$stage" -name '*.[1-8]' -path '*/man/*' -exec gzip -9n {} +

# shlibs PACKAGE FILE...: its Depends line of shared libraries.
shlibs() {
	package=$1
	shift
	mkdir -p "$out/work/debian"
	: >"$out/work/debian/control"
	printf 'Source: vhsmd\n\nPackage: %s\nArchitecture: any\n' "$package" >"$out/work/debian/control"
	files=$(for f; do realpath "$f"; done)
	# shellcheck disable=SC2086
	(cd "$out/work" && dpkg-shlibdeps -O --ignore-missing-info $files >found 2>said) || {
		cat "$out/work/said" >&2
		return 1
	}
	sed 's/^shlibs:Depends=//' "$out/work/found"
}

# pack PACKAGE SECTION DEPENDS SUMMARY, the description on standard input.
pack() {
	root=$stage/$1
	mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$1"
	cp "$here/copyright" "$root/usr/share/doc/$1/copyright"
	printf 'vhsmd (%s-1) unstable; urgency=medium\n\n  * See /usr/share/doc/vhsmd/CHANGELOG.md.\n\n -- %s  %s\n' \
	    "$VERSION" "$maintainer" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" |
		gzip -9n >"$root/usr/share/doc/$1/changelog.Debian.gz"
	{
		printf 'Package: %s\nSource: vhsmd\nVersion: %s-1\nArchitecture: %s\n' "$1" "$VERSION" "$arch"
		printf 'Maintainer: %s\nSection: %s\nPriority: optional\n' "$maintainer" "$2"
		[ "$1" = vhsmd ] || printf 'Multi-Arch: same\n'
		printf 'Installed-Size: %s\n' "$(du -sk --exclude=DEBIAN "$root" | cut -f1)"
		[ -z "$3" ] || printf 'Depends: %s\n' "$3"
		printf 'Description: %s\n' "$4"
		sed 's/^/ /'
	} >"$root/DEBIAN/control"
	for script in "$here/$1"/p*; do
		[ ! -f "$script" ] || install -m 755 "$script" "$root/DEBIAN/"
	done
	[ ! -f "$here/$1/triggers" ] || install -m 644 "$here/$1/triggers" "$root/DEBIAN/"
	(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | LC_ALL=C sort -z |
		xargs -0 md5sum >DEBIAN/md5sums)
	dpkg-deb --root-owner-group -Zxz --build "$root" "$out" >/dev/null
}

strip --strip-unneeded "$stage"/vhsmd/usr/bin/vhsm "$stage"/vhsmd/usr/sbin/vhsmd \
    "$stage"/vhsmd/usr/libexec/vhsmd/* "$stage/libvhsm0$libdir"/libvhsm.so.*.*
needed=$(shlibs vhsmd "$stage"/vhsmd/usr/bin/vhsm "$stage"/vhsmd/usr/sbin/vhsmd "$stage"/vhsmd/usr/libexec/vhsmd/*)
pack vhsmd net "$needed, systemd | systemd-standalone-sysusers" \
    "virtual HSM for JOSE, clustered" <<'TEXT'
vhsmd holds private keys that never leave it, signs JWS and decrypts JWE with
them for the applications of a machine, and publishes the public keys as a JWK
Set. Nodes of a cluster use each other's keys.
.
This package has the daemon, its processes, and the command line tool vhsm.
TEXT
needed=$(shlibs libvhsm0 "$stage/libvhsm0$libdir"/libvhsm.so.*.*)
pack libvhsm0 libs "$needed" "client library of vhsmd" <<'TEXT'
Signs, verifies, encrypts and decrypts JOSE tokens with the keys of the machine's
vhsmd node, and needs nothing but libc.
TEXT
pack libvhsm-dev libdevel "libvhsm0 (= $VERSION-1)" \
    "client library of vhsmd, to build with" <<'TEXT'
The header, the static library, the manual page and examples of libvhsm.
TEXT
rm -rf "$stage" "$out/work"
ls "$out"/*.deb
