#!/bin/sh
# Runs one script of unmodified clients against the server and prints TAP.
#   BARUA=PROGRAM tests/clients/run.sh WORK SCRIPT
# The packages of package-lock.json are installed below WORK, once for each content of the lock; scripts that
# start together wait for the one that installs.
set -u

bail () {
  echo "Bail out! $*"
  exit 1
}

[ $# -eq 2 ] || bail "usage: run.sh WORK SCRIPT"
for tool in node npm flock sha256sum; do
  command -v "$tool" > /dev/null || bail "$tool is missing (Debian packages: nodejs npm util-linux coreutils)"
done
here=$(cd "$(dirname "$0")" && pwd) || exit 1
mkdir -p "$1" || bail "no directory $1"
work=$(cd "$1" && pwd)
sum=$(cat "$here/package.json" "$here/package-lock.json" | sha256sum | cut -c 1-16)
packages="$work/packages-$sum"

# the client packages, complete or not at all
install_packages () {
  [ -d "$packages" ] && return 0
  rm -rf "$work"/packages-*
  mkdir "$packages.part" && cp "$here/package.json" "$here/package-lock.json" "$packages.part" || return 1
  # no package needs its install script: the compiled ones carry their binaries
  (cd "$packages.part" && npm ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error) \
    > "$work/npm.log" 2>&1 || { sed 's/^/# /' "$work/npm.log"; return 1; }
  mv "$packages.part" "$packages"
}

exec 9> "$work/lock"
flock 9
install_packages || bail "npm ci failed"
exec 9>&-

NODE_PATH="$packages/node_modules" CHT="$packages/node_modules/.bin/cht" exec node "$here/$2"
