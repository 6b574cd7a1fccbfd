#!/bin/sh
# Every test, in groups, each with its time; the last line counts the cases.
#   tests/run.sh [GROUP…]     groups: unit store http exports clients tsan fuzz crash faults package (default: all)
# Longer: LONG=1 for everything, or one of the variables below.
set -u
cd "$(dirname "$0")/.." || exit 2
groups=${*:-unit store http exports clients tsan fuzz crash faults package}
passed=0 failed=0 status=0 begun=$(date +%s)
failures=$(mktemp) || exit 2
trap 'rm -f "$failures"' EXIT

# what a night is for; without these, each test has its own default
long=$(env | grep -E '^(LONG|BARUA_(ALL_FAULTS|CRASH_KILLS|EXPORT_RECORDS|FUZZ_SECONDS|MODEL_ORDERS|PHONES_[A-Z]+))=.')
if [ -n "${LONG:-}" ]; then
  export BARUA_ALL_FAULTS="${BARUA_ALL_FAULTS:-1}"
  export BARUA_CRASH_KILLS="${BARUA_CRASH_KILLS:-10000}"
  export BARUA_EXPORT_RECORDS="${BARUA_EXPORT_RECORDS:-1000000}"
  export BARUA_FUZZ_SECONDS="${BARUA_FUZZ_SECONDS:-600}"
  export BARUA_MODEL_ORDERS="${BARUA_MODEL_ORDERS:-1000000}"
  export BARUA_PHONES_ROUNDS="${BARUA_PHONES_ROUNDS:-200}"
  export BARUA_PHONES_SMS="${BARUA_PHONES_SMS:-50}"
  export BARUA_PHONES_KILLS="${BARUA_PHONES_KILLS:-50}"
fi

# compiler NAME: through ccache where that is installed
compiler () {
  if command -v ccache > /dev/null; then echo "ccache $1"; else echo "$1"; fi
}

# build DIR CC CXX SUITES OPTIONS…: configures once, and builds what the tests of these suites need
build () {
  dir=$1 cc=$2 cxx=$3 suites=$4 start=$(date +%s); shift 4
  [ -f "$dir/build.ninja" ] || CC=$(compiler "$cc") CXX=$(compiler "$cxx") meson setup "$dir" "$@" > "$dir.log" 2>&1 \
    || { cat "$dir.log"; exit 1; }
  rm -f "$dir.log"
  ninja -C "$dir" build.ninja > "$dir/ninja.log" 2>&1 && needs=$(python3 tests/needs.py "$dir" $suites) \
    && ninja -C "$dir" $needs > "$dir/ninja.log" 2>&1 || { tail -n 60 "$dir/ninja.log"; exit 1; }
  built=$(($(date +%s) - start))
}

# group NAME DIR SUITE…: runs them and counts the TAP lines of the log
group () {
  name=$1 dir=$2 suites=; shift 2
  for s in "$@"; do suites="$suites --suite $s"; done
  start=$(date +%s)
  meson test -C "$dir" --no-rebuild --print-errorlogs ${long:+-t 0} $suites > "$dir/$name.log" 2>&1
  code=$?
  log="$dir/meson-logs/testlog.txt"
  ok=$(grep -cE '^ok( |$)' "$log"); bad=$(grep -cE '^not ok( |$)' "$log")
  if [ $code -ne 0 ]; then
    tail -n 150 "$dir/$name.log"
    # once more behind everything else: the programs, and the cases with what each said
    grep -E '^ *[0-9]+/[0-9]+ .* (ERROR|FAIL|TIMEOUT) ' "$dir/$name.log" | sort -u >> "$failures"
    awk -v group="$name" '/^not ok/ { print group ": " $0; left = 40; next }
      /^#/ && left-- > 0 { print; next } { left = 0 }' "$log" >> "$failures"
    [ "$bad" -gt 0 ] || bad=1
    status=1
  elif [ "$ok" -eq 0 ]; then
    echo "group $name ran no case"; bad=1 status=1
  fi
  passed=$((passed + ok)) failed=$((failed + bad))
  echo "$name: $ok passed, $bad failed, $(($(date +%s) - start)) s, built in $built s"
}

san='-Db_sanitize=address,undefined -Db_lundef=false'
for g in $groups; do
  case $g in
    unit|store|http)
      build build-asan gcc g++ "$g" --buildtype=debugoptimized $san
      group "$g" build-asan "$g" ;;
    exports|clients|crash|faults)
      build build-plain gcc g++ "$g" --buildtype=debugoptimized
      group "$g" build-plain "$g" ;;
    tsan)
      build build-tsan clang clang++ "store threads" --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
      group tsan build-tsan store threads ;;
    fuzz)
      build build-fuzz clang clang++ fuzz --buildtype=debugoptimized $san -Dtests=disabled -Dfuzzing=enabled
      group fuzz build-fuzz fuzz ;;
    package)
      build build-plain gcc g++ package --buildtype=debugoptimized
      group package build-plain package
      grep -h 'NOT tested' build-plain/meson-logs/testlog.txt ;;
    *) echo "unknown group $g" >&2; exit 2 ;;
  esac
done
cat "$failures"
echo "all of it: $(($(date +%s) - begun)) s"
echo "$passed passed, $failed failed"
[ $status -eq 0 ] && [ $failed -eq 0 ]
