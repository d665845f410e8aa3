#!/bin/sh
# Rules that a compiler does not check.  Prints each breach; exit status 1 when
# there was one.
set -u
BUILD=${BUILD:-build}
bad=0
breach() {
	echo "lint: $1" >&2
	bad=1
}
sources=$(git ls-files '*.c' '*.h')
product=$(git ls-files 'proto/*.[ch]' 'keyspec/*.[ch]' 'vhsmd/*.[ch]' 'client/*.[ch]')

found=$(grep -nE '#include "\.\./' $sources) && breach "upward include: $found"
found=$(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' $sources) && breach "unfinished: $found"
found=$(grep -nE '\b(strcpy|strcat|sprintf|vsprintf|atoi|atol|gets|alloca)\(' $product) &&
	breach "banned function: $found"
found=$(clang-format --dry-run -Werror $sources 2>&1 | grep error: | head -5)
[ -z "$found" ] || breach "format: $found"

# Raw memcmp is for public bytes; each use is counted here.  Lower freely.
memcmp_most=14
n=$(grep -hoE '\bmemcmp\(' $product | wc -l)
[ "$n" -le $memcmp_most ] || breach "$n uses of memcmp, expected at most $memcmp_most"

# Invariant 2: front and supervisor link no private-key function.
private='EVP_PKEY_sign|EVP_DigestSign|EVP_PKEY_decrypt|EVP_PKEY_derive|EVP_PKEY_keygen|EVP_PKEY_generate|EVP_PKEY_Q_keygen|PEM_read_.*PrivateKey|d2i_.*Private|RSA_private|ECDSA_sign|ECDSA_do_sign|ECDH_compute|crypto_sign_'
for p in vhsmd vhsmd-front; do
	[ -f "$BUILD/bin/$p" ] || { breach "$BUILD/bin/$p is not built"; continue; }
	found=$(nm -D --undefined-only "$BUILD/bin/$p" | grep -E " ($private)")
	[ -z "$found" ] || breach "$p links private-key functions: $found"
done
# The library asks nothing of its host but libc, and shows only its own names.
if [ -f "$BUILD/lib/libvhsm.so" ]; then
	found=$(readelf -d "$BUILD/lib/libvhsm.so" | grep NEEDED | grep -v 'libc\.so\.6')
	[ -z "$found" ] || breach "libvhsm needs $found"
	found=$(nm -D --defined-only "$BUILD/lib/libvhsm.so" | awk '{print $3}' | grep -v '^vhsm_')
	[ -z "$found" ] || breach "libvhsm shows $found"
fi

for page in deploy/man/*.[0-9]; do
	found=$(mandoc -Tlint -W warning "$page" 2>&1 | head -3)
	[ -z "$found" ] || breach "$page: $found"
done

long=$(awk '
	FNR == 1 && file { if (lines > 500) print file ": " lines " lines" }
	{ file = FILENAME; lines = FNR }
	/^\{/ { start = FNR }
	/^\}/ { if (start && FNR - start > 60) print FILENAME ":" start ": function of " FNR - start " lines"; start = 0 }
	END { if (lines > 500) print file ": " lines " lines" }' $product)
[ -z "$long" ] || breach "too long: $long"
exit $bad
