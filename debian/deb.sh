#!/bin/sh
# Builds the Debian package of this tree and shows it to lintian.
#   debian/deb.sh [FOLDER]     default: build-deb; the package is FOLDER/barua_VERSION_ARCH.deb
# The version is that of meson.build. The changelog is written here, so that there is one place to raise it.
set -e
cd "$(dirname "$0")/.."
out=${1:-build-deb}
version=$(sed -n "s/^project(.* version : '\([^']*\)'.*/\1/p" meson.build)
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2> /dev/null || date +%s)}
tree=$out/barua-$version

rm -rf "$out"
mkdir -p "$tree"
# one time for all files: the same tree makes the same package, byte for byte, wherever it lies
tar -c --mtime="@$epoch" --exclude-vcs --exclude="./$out" --exclude='./build*' --exclude='./*.db*' --exclude='node_modules' --exclude='__pycache__' . | tar -x -C "$tree"
cat > "$tree/debian/changelog" << CHANGES
barua ($version) unstable; urgency=medium

  * See NEWS.md.

 -- $(sed -n 's/^Maintainer: //p' debian/control)  $(LC_ALL=C date -u -R -d "@$epoch")
CHANGES
(cd "$tree" && SOURCE_DATE_EPOCH=$epoch dpkg-buildpackage --build=binary --no-sign > ../build.log 2>&1) ||
  { tail -n 60 "$out/build.log"; exit 1; }
rm -rf "$tree"
lintian --allow-root --pedantic --display-info --display-experimental --fail-on error,warning,info,pedantic \
  --tag-display-limit 0 "$out"/*.changes
ls "$out"/barua_*.deb
