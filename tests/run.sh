#!/bin/sh
# Every test, in groups, each with its time; the last line counts the cases.
#   tests/run.sh [GROUP…]     groups: unit store http clients tsan fuzz crash faults package (default: all)
set -u
cd "$(dirname "$0")/.." || exit 2
groups=${*:-unit store http clients tsan fuzz crash faults package}
passed=0 failed=0 status=0

# setup DIR OPTIONS…: configures once, builds always
setup () {
  dir=$1; shift
  [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" > "$dir.log" 2>&1 || { cat "$dir.log"; exit 1; }
  rm -f "$dir.log"
  ninja -C "$dir" > "$dir/ninja.log" 2>&1 || { tail -n 60 "$dir/ninja.log"; exit 1; }
}

# group NAME DIR MESON-TEST-OPTIONS…: runs it and counts the TAP lines of its log
group () {
  name=$1 dir=$2; shift 2
  start=$(date +%s)
  meson test -C "$dir" --no-rebuild --print-errorlogs "$@" > "$dir/$name.log" 2>&1
  code=$?
  log="$dir/meson-logs/testlog.txt"
  ok=$(grep -cE '^ok( |$)' "$log"); bad=$(grep -cE '^not ok( |$)' "$log")
  if [ $code -ne 0 ]; then
    tail -n 150 "$dir/$name.log"
    [ "$bad" -gt 0 ] || bad=1
    status=1
  elif [ "$ok" -eq 0 ]; then
    echo "group $name ran no case"; bad=1 status=1
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
  echo "$name: $ok passed, $bad failed, $(($(date +%s) - start)) s"
}

san='-Db_sanitize=address,undefined -Db_lundef=false'
for g in $groups; do
  case $g in
    unit|store|http)
      CC=gcc setup build-asan --buildtype=debugoptimized $san
      group "$g" build-asan --suite "$g" ;;
    clients)
      CC=gcc setup build-plain --buildtype=debugoptimized
      group clients build-plain --suite clients ;;
    tsan)
      CC=clang CXX=clang++ setup build-tsan --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
      group tsan build-tsan --suite store --suite threads ;;
    fuzz)
      CC=clang CXX=clang++ setup build-fuzz --buildtype=debugoptimized $san -Dtests=disabled -Dfuzzing=enabled
      group fuzz build-fuzz --suite fuzz ;;
    crash|faults)
      CC=gcc setup build-plain --buildtype=debugoptimized
      group "$g" build-plain --suite "$g" ;;
    package)
      CC=gcc setup build-plain --buildtype=debugoptimized
      group package build-plain --suite package
      grep -h 'NOT tested' build-plain/meson-logs/testlog.txt ;;
    *) echo "unknown group $g" >&2; exit 2 ;;
  esac
done
echo "$passed passed, $failed failed"
[ $status -eq 0 ] && [ $failed -eq 0 ]
