# make                builds the module, the command, the contract and the pages
# make run            a server with the demonstration programme; Ctrl-C stops it
# make test           every test, on a database of its own
# make check          warnings as errors, sanitizers, linters, and every test
# make bench          measures     make faults   breaks
# make format         rewrites     make hooks    before each commit
# make deps           installs what is missing; the targets above do so too
#
# make V=1 shows the commands.
#
# Everything built stands below build/. One Makefile, not recursive; what the
# library packages say is asked for only when something is compiled, so that
# "make run" on a bare machine can install them first.

Q := $(if $(V),,@)
PYTHON := /usr/bin/python3
LIBS := libpq jansson libjwt libcrypto libmagic libcurl

# What build_info says. Without git (in an image) a file VERSION, or
# make VERSION=...
ifeq ($(strip $(VERSION)),)
override VERSION := $(shell git describe --tags --always --dirty 2> /dev/null \
	|| cat VERSION 2> /dev/null || echo unknown)
endif

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wwrite-strings \
	-Wvla -Wformat=2 -Wundef -Wswitch-enum -Wnull-dereference
HARDENING := -fstack-protector-strong -fstack-clash-protection -fcf-protection

# Asked once, on first use.
LIB_CFLAGS = $(eval LIB_CFLAGS := $(patsubst -I%,-isystem %, \
	$(shell cat /usr/share/kore/features) \
	$(shell pkg-config --cflags $(LIBS))))$(LIB_CFLAGS)
LIB_LIBS = $(eval LIB_LIBS := $(shell pkg-config --libs $(LIBS)))$(LIB_LIBS)

BASE = -std=gnu11 -g -fPIC -fvisibility=hidden -D_GNU_SOURCE -Iapi \
	-MMD -MP $(WARNINGS) $(LIB_CFLAGS)
OPTIMISED = -O2 -D_FORTIFY_SOURCE=2 $(HARDENING)
# Fat objects, so that the unit tests link the same ones in milliseconds.
RELEASE = $(BASE) $(OPTIMISED) -flto=auto -ffat-lto-objects $(CFLAGS)
STRICT = $(BASE) $(OPTIMISED) -Werror $(CFLAGS)
ASAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
SANITIZED = $(BASE) -O1 $(ASAN) $(CFLAGS)
# Across modules the optimiser suspects what each module has ruled out.
LINK := -Wno-null-dereference -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

MODULES := $(wildcard api/*.c)
COMMAND := $(wildcard api/cli/*.c)
UNIT := $(wildcard tests/unit/test_*.c)
HEADERS := $(wildcard api/*.h api/cli/*.h tests/unit/*.h)
SOURCES := $(MODULES) $(COMMAND) $(UNIT)

UNIT_TESTS := $(UNIT:tests/unit/%.c=build/tests/%)
SANITIZED_TESTS := $(UNIT:tests/unit/%.c=build/asan/tests/%)

# These goals install what they need before anything is built.
PACKAGES := docker/packages-build.txt docker/packages-run.txt
ifneq ($(filter test check memcheck bench faults unit deps hooks,$(MAKECMDGOALS)),)
PACKAGES += docker/packages-test.txt
endif
ifneq ($(filter check memcheck bench faults format deps hooks,$(MAKECMDGOALS)),)
PACKAGES += docker/packages-check.txt
endif
ifneq ($(filter run test check memcheck bench faults,$(MAKECMDGOALS)),)
FIRST := deps
endif

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run test unit check memcheck strict sanitize tidy lint bench faults \
	format hooks deps clean always

all: build/gusp.so build/gusp build/openapi.json build/docs.done

deps:
	@api/tools/deps.sh $(PACKAGES)

run: all
	@exec api/tools/run.sh

# make test ARGS="-k issue" gives pytest its arguments.
test: all $(UNIT_TESTS)
	@tests/run.sh $(ARGS)

unit: $(UNIT_TESTS)
	@tests/unit.sh $(UNIT_TESTS)

bench: all
	@exec tests/bench/run.sh $(ARGS)

faults: all
	@exec tests/faults/run.sh $(ARGS)

# The unit tests run as they are released and under the sanitizers, the http
# tests as they are and with the server under valgrind.
check: strict lint tidy all $(UNIT_TESTS) $(SANITIZED_TESTS) build/unsandboxed.so
	@GUSP_SANITIZED=1 tests/run.sh $(ARGS)
	@GUSP_VALGRIND=1 tests/run.sh $(ARGS)

memcheck: all $(UNIT_TESTS) build/unsandboxed.so
	@GUSP_VALGRIND=1 tests/run.sh $(ARGS)

sanitize: $(SANITIZED_TESTS)
	@tests/unit.sh $(SANITIZED_TESTS)

clean:
	rm -rf build compile_commands.json

# --- the module and the command -------------------------------------------

build/gusp.so: $(MODULES:%.c=build/%.o) build/statements.o
	@echo "  link $@"
	$(Q)$(CC) -shared $(RELEASE) $(LINK) -o $@ $^ $(LIB_LIBS)

build/gusp: $(COMMAND:%.c=build/%.o) build/modules.a
	@echo "  link $@"
	$(Q)$(CC) -pie $(RELEASE) $(LINK) -o $@ $^ $(LIB_LIBS)

# The command and the unit tests take from it what they name. A module that
# speaks to Kore cannot be taken: the linker then says which name led to it.
build/modules.a: $(MODULES:%.c=build/%.o) build/statements.o
	@rm -f $@
	$(Q)ar rcs $@ $^

build/statements.c: api/tools/embed.awk $(sort $(wildcard api/sql/*.sql)) | $(FIRST)
	@mkdir -p $(@D)
	@echo "  embed api/sql"
	$(Q)awk -f $^ > $@

build/statements.o: build/statements.c
	@echo "  cc $<"
	$(Q)$(CC) $(RELEASE) -c -o $@ $<

# Written only when it changes, so that only then its object is compiled again.
build/version: always
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@

NAMED := build/api/metrics.o build/asan/api/metrics.o build/strict/api/metrics.o
$(NAMED): build/version
$(NAMED): BASE += -DGUSP_VERSION='"$(VERSION)"'

build/%.o: %.c | $(FIRST)
	@mkdir -p $(@D)
	@echo "  cc $<"
	$(Q)$(CC) $(RELEASE) -c -o $@ $<

# --- the contract and the pages -------------------------------------------

build/openapi.json: api/tools/bundle.py api/tools/example.py $(wildcard openapi/*.yaml) | $(FIRST)
	@mkdir -p $(@D)
	@echo "  bundle openapi"
	$(Q)$(PYTHON) $< openapi/ > $@

build/docs.done: api/tools/guides.py $(wildcard openapi/guides/*) build/openapi.json
	@mkdir -p $(@D)
	@echo "  render openapi/guides"
	$(Q)$(PYTHON) $< openapi/guides build/docs
	@touch $@

# --- unit tests ------------------------------------------------------------

build/tests/%: build/tests/unit/%.o build/modules.a
	@mkdir -p $(@D)
	$(Q)$(CC) -fno-lto $(LINK) -o $@ $^ $(LIB_LIBS) -lcmocka

build/asan/tests/%: build/asan/tests/unit/%.o build/asan/modules.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(ASAN) $(LINK) -o $@ $^ $(LIB_LIBS) -lcmocka

build/asan/modules.a: $(MODULES:%.c=build/asan/%.o) build/asan/statements.o
	@rm -f $@
	$(Q)ar rcs $@ $^

build/asan/statements.o: build/statements.c
	@mkdir -p $(@D)
	@echo "  cc asan $<"
	$(Q)$(CC) $(SANITIZED) -c -o $@ $<

build/asan/%.o: %.c | $(FIRST)
	@mkdir -p $(@D)
	@echo "  cc asan $<"
	$(Q)$(CC) $(SANITIZED) -c -o $@ $<

build/unsandboxed.so: build/tests/unsandboxed.o
	$(Q)$(CC) -shared -fno-lto $(LINK) -o $@ $^

# --- what "make check" asks besides ----------------------------------------

# Every file once more with warnings as errors, recorded for clang's tools.
strict: compile_commands.json

compile_commands.json: $(SOURCES) $(HEADERS) Makefile | $(FIRST)
	bear --output $@ -- $(MAKE) --no-print-directory -B \
	    $(SOURCES:%.c=build/strict/%.o)

build/strict/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc strict $<"
	$(Q)$(CC) $(STRICT) -c -o $@ $<

# One file a process: given several, it takes va_start for unknown in all but
# the first.
tidy: compile_commands.json
	printf '%s\n' $(MODULES) $(COMMAND) \
	    | xargs -n 1 -P $$(nproc) clang-tidy -p . --quiet 2> build/tidy.txt \
	    || { grep -v ' generated\.$$' build/tidy.txt; exit 1; }

lint: $(SOURCES) | $(FIRST)
	clang-format --dry-run -Werror $(SOURCES) $(HEADERS)
	cppcheck --enable=warning,performance,portability --inline-suppr \
	    --error-exitcode=1 --quiet --std=c11 --library=posix \
	    --suppress=missingIncludeSystem -D_GNU_SOURCE -Iapi \
	    $(MODULES) $(COMMAND)
	@mkdir -p build
	@{ cat .sqlfluff; printf '[sqlfluff:templater:placeholder]\n'; \
	    echo 'param_regex = (?<![:\w]):(?P<param_name>[a-z][a-z0-9_]*)'; \
	    grep -ohE '(^|[^:]):[a-z][a-z_0-9]*' api/sql/*.sql migrations/*.sql \
	    | sed 's/.*:\(.*\)/\1 = NULL/' | sort -u; } > build/sqlfluff.cfg
	sqlfluff lint --config build/sqlfluff.cfg --processes 2 migrations api/sql
	bash -n $(wildcard api/tools/*.sh tests/*.sh tests/*/*.sh) .ci/run

format:
	clang-format -i $(SOURCES) $(HEADERS)

hooks:
	install -m 0755 api/tools/pre-commit "$$(git rev-parse --git-path hooks)/pre-commit"

-include $(wildcard $(patsubst %.c,build/%.d,$(SOURCES) statements.c) \
	$(patsubst %.c,build/asan/%.d,$(SOURCES) statements.c))
