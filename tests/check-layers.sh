#!/bin/sh
# Proves that nobody includes upwards (architecture of the layers: CONTRIBUTING.md).  Prints TAP.
cd "$(dirname "$0")/.." || exit 2
bad=0 n=0

# rule FOLDER ALLOWED-REGEX: every quoted include of FOLDER matches
rule () {
  n=$((n + 1))
  found=$(find "$1" -maxdepth 1 \( -name '*.[ch]' -o -name '*.cc' \) -exec grep -HnE '^#include "' {} + 2>/dev/null | grep -vE "#include \"($2)/")
  report "$1 includes only $2" "$found"
}
# only PATTERN FILES-REGEX: the header is included nowhere else
only () {
  n=$((n + 1))
  found=$(grep -rnE --include='*.[ch]' --include='*.cc' "^#include <$1" forms parser gateway | grep -vE "^($2)")
  report "<$1> only in $2" "$found"
}
report () {
  if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; bad=1; fi
}

rule forms 'forms'
rule parser 'forms|parser'
rule gateway/rules 'forms|parser|gateway/rules'
rule gateway/store 'forms|parser|gateway/rules|gateway/store'
rule gateway/http 'forms|gateway/http'
rule gateway/outbound 'forms|gateway/rules|gateway/outbound'
rule gateway/api 'forms|parser|gateway/rules|gateway/store|gateway/http|gateway/api|gateway'
only 'sqlite3\.h' 'gateway/store/sqlite[a-z-]*\.[ch]:'
only 'libsoup/' 'gateway/(http|outbound)/'
only 'phonenumbers/' 'forms/phone-google(-plans)?\.cc:'
only 'libxml/' 'forms/xform\.c:'
only 'gnutls/' 'gateway/http/tls-gnutls\.c:'
only 'json-glib/' 'nowhere'

# every quoted include is a path from the project's root, and its file exists
n=$((n + 1))
missing=$(grep -rhoE --include='*.[ch]' --include='*.cc' '^#include "[^"]+"' forms parser gateway tests | sort -u | sed 's/#include "\(.*\)"/\1/' | while read -r f; do [ -f "$f" ] || echo "$f"; done)
report "includes are paths from the root" "$missing"
# every header says #pragma once, every source its licence
n=$((n + 1))
report "headers have #pragma once" "$(grep -rL --include='*.h' '^#pragma once' forms parser gateway tests)"
n=$((n + 1))
report "sources name their licence" "$(grep -rL --include='*.[ch]' --include='*.cc' 'SPDX-License-Identifier: MIT' forms parser gateway tests)"
echo "1..$n"
exit $bad
