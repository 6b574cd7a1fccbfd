# Two commands: `make run` (the server on ./barua.db) and `make test` (everything CI runs).
# `make example` fills the server that runs.
# What is missing on a Debian 12 with gcc and make is installed by package name.

BUILD ?= build
BUILD_PACKAGES = meson ninja-build pkg-config libglib2.0-dev libglib2.0-dev-bin libsoup-3.0-dev libsqlite3-dev libcrypt-dev libgnutls28-dev libxml2-dev \
  libsystemd-dev curl \
  g++ libphonenumber-dev
# what the groups of tests need besides; tests/run.sh has the groups
GROUPS = unit store http exports clients tsan fuzz crash faults package
CLANG_PACKAGES = clang libclang-rt-14-dev
unit_PACKAGES = check python3
store_PACKAGES = check python3
http_PACKAGES = caddy check nginx-light python3 python3-jsonschema groff-base libfaketime libreoffice-calc-nogui openssl prometheus systemd
exports_PACKAGES = check python3
clients_PACKAGES = check python3 chromium $(NODE_PACKAGES)
tsan_PACKAGES = check python3 $(CLANG_PACKAGES)
fuzz_PACKAGES = python3 $(CLANG_PACKAGES)
crash_PACKAGES = check python3
faults_PACKAGES = check python3 libfaketime
package_PACKAGES = check $(PACKAGE_TEST_PACKAGES)
TEST_PACKAGES = $(sort $(foreach group,$(GROUPS),$($(group)_PACKAGES)))
# a node that came from elsewhere is kept: Debian's packages would not install beside it
NODE_PACKAGES = $(shell { command -v node && command -v npm; } > /dev/null || echo nodejs npm)
BENCH_PACKAGES = valgrind python3 curl sqlite3 libjson-glib-dev $(NODE_PACKAGES)
DEB_PACKAGES = build-essential debhelper lintian python3
PACKAGE_TEST_PACKAGES = debootstrap podman crun $(DEB_PACKAGES)
COVERAGE_PACKAGES = gcovr python3
SUDO = $(shell [ `id -u` = 0 ] || echo sudo)

# $(call install,PACKAGES): only what dpkg does not know as installed; services among them are neither started
# (policy-rc.d, invoke-rc.d(8)) nor left to start with the machine
NO_START = /usr/sbin/policy-rc.d
define install
	@missing=""; for p in $(1); do \
	  dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q "ok installed" || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
	  $(SUDO) apt-get -qq update && \
	  { [ -e $(NO_START) ] || { printf '#!/bin/sh\nexit 101\n' | $(SUDO) tee $(NO_START) > /dev/null && \
	    $(SUDO) chmod 755 $(NO_START) && mine=yes; }; } && \
	  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing; done=$$?; \
	  [ -z "$$mine" ] || $(SUDO) rm -f $(NO_START); \
	  for s in caddy nginx prometheus prometheus-node-exporter; do case " $$missing " in \
	    *" $$s"[\ -]*) $(SUDO) systemctl -q disable $$s 2> /dev/null || true;; esac; done; exit $$done; fi
endef

all: build

build:
	$(call install,$(BUILD_PACKAGES))
	@[ -f $(BUILD)/build.ninja ] || CC=gcc meson setup $(BUILD) --buildtype=debugoptimized -Db_lto=true -Dtests=disabled
	ninja -C $(BUILD)

run: build
	$(BUILD)/gateway/barua serve --database barua.db

# the project of data/example into the server that `make run` started; BARUA_ADMIN_PASSWORD is that of the server
URL ?= http://127.0.0.1:5988
example:
	@python3 data/example/load.py $(URL)

test:
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES))
	tests/run.sh

# one group, with the packages that it needs: make test-unit; LONG=1 for a night of it (CONTRIBUTING.md)
$(GROUPS:%=test-%): test-%:
	$(call install,$(BUILD_PACKAGES) $($*_PACKAGES))
	tests/run.sh $*

# build-deb/barua_VERSION_ARCH.deb, which lintian has nothing to say about
deb:
	$(call install,$(BUILD_PACKAGES) $(DEB_PACKAGES))
	debian/deb.sh build-deb

bench:
	$(call install,$(BUILD_PACKAGES) $(BENCH_PACKAGES))
	@[ -f build-bench/build.ninja ] || CC=gcc meson setup build-bench --buildtype=debugoptimized -Db_lto=true -Dtests=disabled -Dbench=enabled
	ninja -C build-bench
	python3 tests/bench/parse.py --build build-bench
	python3 tests/bench/run.py --build build-bench
	python3 tests/bench/documents.py --build build-bench
	python3 tests/bench/queue.py --build build-bench
	python3 tests/bench/contacts.py --build build-bench
	python3 tests/bench/accounts.py --build build-bench
	python3 tests/bench/exports.py --build build-bench

# lines and branches that the unit, store and HTTP tests reach, by folder
coverage:
	$(call install,$(BUILD_PACKAGES) $(TEST_PACKAGES) $(COVERAGE_PACKAGES))
	@[ -f build-coverage/build.ninja ] || CC=gcc meson setup build-coverage --buildtype=debug -Db_coverage=true -Dc_args=-fprofile-update=atomic -Dcpp_args=-fprofile-update=atomic
	ninja -C build-coverage
	python3 tests/coverage.py --build build-coverage

clean:
	rm -rf build build-asan build-tsan build-fuzz build-plain build-bench build-coverage build-deb build-package

.PHONY: all build run example test $(GROUPS:%=test-%) deb bench coverage clean
