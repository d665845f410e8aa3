# vhsmd: one Makefile, no recursion.  V=1 shows the commands.
VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
LIBDIR  ?= $(PREFIX)/lib
CC      ?= gcc
PYTHON  ?= /usr/bin/python3
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

WARN    := -Wall -Wextra -Wshadow -Wcast-qual -Wvla -Wformat=2 -Wundef \
           -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Werror
HARDEN  := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
OPT     ?= -O2 -g
CFLAGS_ := -std=gnu2x $(OPT) $(WARN) $(HARDEN) -fPIC -fvisibility=hidden -pthread \
           -D_GNU_SOURCE -DVHSM_VERSION='"$(VERSION)"' $(CFLAGS)
LDFLAGS_ := -pie -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

# --- layers: where they live, and the only layers each may include ----------
layers := wire jose keyspec base super front vault peer libvhsm cli
dir-wire    := proto/wire
dir-jose    := proto/jose
dir-keyspec := keyspec
dir-base    := vhsmd/base
dir-super   := vhsmd/super
dir-front   := vhsmd/front
dir-vault   := vhsmd/vault
dir-peer    := vhsmd/peer
dir-libvhsm := client/libvhsm
dir-cli     := client/cli
dir-client  := client

see-wire    := wire
see-jose    := wire jose
see-keyspec := wire keyspec
see-base    := wire base
see-super   := wire keyspec base super
see-front   := wire jose base front
see-vault   := wire base vault
see-peer    := wire jose base peer
see-libvhsm := wire client
see-cli     := wire client

# Libraries that the objects of a layer need.
pkg-wire    := libsodium
pkg-jose    := jansson libsodium
pkg-keyspec := yaml-0.1
pkg-base    := libseccomp libcrypto
pkg-super   :=
pkg-front   := libmicrohttpd jansson libcrypto zlib
pkg-vault   := libcrypto jansson libsodium
pkg-peer    := jansson libcrypto
pkg-libvhsm :=
pkg-cli     := jansson libcrypto
# Those that Debian ships without a .pc file.
lib-peer    := -lnng

# Layers a program links besides its own, in link order.
needs-super := keyspec base wire
needs-front := jose base wire
needs-vault := base wire
needs-peer  := jose base wire
needs-cli   := libvhsm wire

programs := vhsmd vhsmd-front vhsmd-vault vhsmd-peer vhsm
layer-vhsmd       := super
layer-vhsmd-front := front
layer-vhsmd-vault := vault
layer-vhsmd-peer  := peer
layer-vhsm        := cli

.PHONY: all
all: $(programs:%=$(BUILD)/bin/%) $(BUILD)/lib/libvhsm.so $(BUILD)/lib/libvhsm.a $(BUILD)/lib/vhsm.pc

srcs     = $(wildcard $(dir-$(1))/*.c)
objs     = $(patsubst $(dir-$(1))/%.c,$(BUILD)/obj/$(1)/%.o,$(call srcs,$(1)))
libs     = $(if $(strip $(1)),$(shell pkg-config --libs $(1)))
pkgs-of  = $(sort $(foreach l,$(1),$(pkg-$(l))))

define layer-rules
$(BUILD)/see/$(1)/.made: Makefile
	@mkdir -p $$(@D)
	@$(foreach s,$(see-$(1)),ln -sfn $(abspath $(dir-$(s))) $$(@D)/$(s);)
	@touch $$@
$(BUILD)/obj/$(1)/%.o: $(dir-$(1))/%.c $(BUILD)/see/$(1)/.made
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/$(1) -MMD -MP -c $$< -o $$@
$(BUILD)/lib/$(1).layer.a: $(filter-out %/main.o,$(call objs,$(1)))
	@mkdir -p $$(@D) && rm -f $$@
	$(Q)ar rcs $$@ $$^
endef
$(foreach l,$(layers),$(eval $(call layer-rules,$(l))))

define program-rules
$(BUILD)/bin/$(1): $(BUILD)/obj/$(layer-$(1))/main.o \
    $(foreach l,$(layer-$(1)) $(needs-$(layer-$(1))),$(BUILD)/lib/$(l).layer.a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) -o $$@ $$^ \
	    $$(call libs,$$(call pkgs-of,$(layer-$(1)) $(needs-$(layer-$(1))))) $(lib-$(layer-$(1)))
endef
$(foreach p,$(programs),$(eval $(call program-rules,$(p))))

# --- libvhsm: shared and static, nothing visible but vhsm_* ------------------
libvhsm-objs := $(call objs,libvhsm) \
    $(foreach m,base err ops buf frame sp,$(BUILD)/obj/wire/$(m).o)

$(BUILD)/lib/libvhsm.so: $(libvhsm-objs)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS) -shared -Wl,-soname,libvhsm.so.0 -Wl,-z,relro,-z,now -o $@ $^
	@ln -sfn libvhsm.so $(BUILD)/lib/libvhsm.so.0
$(BUILD)/lib/libvhsm.a: $(libvhsm-objs)
	@mkdir -p $(@D) && rm -f $@
	$(call say,AR,$@)
	$(Q)ld -r -o $(BUILD)/lib/libvhsm.o $^
	$(Q)objcopy --localize-hidden $(BUILD)/lib/libvhsm.o
	$(Q)ar rcs $@ $(BUILD)/lib/libvhsm.o
pc = s|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|; s|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|
$(BUILD)/lib/vhsm.pc: client/vhsm.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed -e '$(pc)' $< >$@

# --- unit tests: one Criterion program a layer ------------------------------
# With RUNNER=own the same tests run through tests/support/runner, for builds in
# which Criterion cannot start.
RUNNER ?= criterion
unit-runner-own := $(BUILD)/obj/runner.o
unit-see-own    := -Itests/support/runner
unit-link-own   := -Wl,--wrap=pthread_attr_setstack
unit-pkg-criterion := criterion
$(BUILD)/obj/runner.o: tests/support/runner/runner.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_) $(unit-see-own) -MMD -MP -c $< -o $@
unit-layers := $(foreach l,$(layers),$(if $(wildcard tests/unit/$(l)/*.c),$(l)))
define unit-rules
$(BUILD)/obj/unit-$(1)/%.o: tests/unit/$(1)/%.c $(BUILD)/see/$(1)/.made
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$(Q)$(CC) $(CFLAGS_) -Wno-missing-prototypes $(unit-see-$(RUNNER)) -I$(BUILD)/see/$(1) -MMD -MP -c $$< -o $$@
$(BUILD)/test/unit-$(1): $(patsubst tests/unit/$(1)/%.c,$(BUILD)/obj/unit-$(1)/%.o,$(wildcard tests/unit/$(1)/*.c)) \
    $(unit-runner-$(RUNNER)) $(foreach l,$(1) $(needs-$(1)) $(unit-needs-$(1)),$(BUILD)/lib/$(l).layer.a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) $(unit-link-$(RUNNER)) -o $$@ $$^ \
	    $$(call libs,$(unit-pkg-$(RUNNER)) $$(call pkgs-of,$(1) $(needs-$(1)) $(unit-needs-$(1)))) $(unit-libs-$(1)) $(lib-$(1))
endef
unit-needs-jose    := wire
unit-needs-keyspec := wire
unit-needs-base    := wire
unit-needs-libvhsm := wire
unit-libs-libvhsm  := -lnng
$(foreach l,$(unit-layers),$(eval $(call unit-rules,$(l))))

# The public header is for C99 and C++ programs as well.
$(BUILD)/obj/unit-libvhsm/header.ok: client/vhsm.h
	@mkdir -p $(@D)
	$(call say,CHECK,$<)
	$(Q)$(CC) -x c -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only $<
	$(Q)$(CXX) -x c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only $<
	@touch $@
$(BUILD)/test/unit-libvhsm: | $(BUILD)/obj/unit-libvhsm/header.ok


# --- helpers of the system tests ---------------------------------------------
# The vault on ordinary pages: the control that shows the memory scan can fail.
$(BUILD)/test/pages_plain.o: tests/memory/pages_plain.c $(BUILD)/see/vault/.made
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/vault -c $< -o $@
$(BUILD)/test/plain/vhsmd-vault: $(BUILD)/obj/vault/main.o $(BUILD)/test/pages_plain.o \
    $(BUILD)/lib/vault.layer.a $(BUILD)/lib/base.layer.a $(BUILD)/lib/wire.layer.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) -o $@ $^ $(call libs,$(call pkgs-of,vault base wire))

# The vault with a fault planted: the control that shows that a sanitizer's
# report from behind the sandbox is seen.
$(BUILD)/test/planted.o: tests/sanitizers/planted.c $(BUILD)/see/vault/.made
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/vault -c $< -o $@
$(BUILD)/test/planted/vhsmd-vault: $(BUILD)/obj/vault/main.o $(BUILD)/test/planted.o \
    $(BUILD)/lib/vault.layer.a $(BUILD)/lib/base.layer.a $(BUILD)/lib/wire.layer.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) -o $@ $^ $(call libs,$(call pkgs-of,vault base wire))

# The time of the vault's refusals, and the same with a leak planted; and what it
# says when its arena is full.
vault-layers := $(foreach l,vault $(needs-vault),$(BUILD)/lib/$(l).layer.a)
$(BUILD)/test/timing/%.o: tests/timing/%.c $(BUILD)/see/vault/.made
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/vault -MMD -MP -c $< -o $@
$(BUILD)/test/refusals: $(BUILD)/test/timing/refusals.o
$(BUILD)/test/refusals-leak: $(BUILD)/test/timing/refusals.o $(BUILD)/test/timing/leak_unwrap.o
$(BUILD)/test/memory/full.o: tests/memory/full.c $(BUILD)/see/vault/.made
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/vault -MMD -MP -c $< -o $@
$(BUILD)/test/full: $(BUILD)/test/memory/full.o
$(BUILD)/test/full $(BUILD)/test/refusals $(BUILD)/test/refusals-leak: $(vault-layers)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	    $(call libs,$(call pkgs-of,vault $(needs-vault))) -lm

# Small programs of the tests: one C file each, on libc alone unless named here.
tools := memory/scan sandbox/inject audit/fail_sync interop/nng_req interop/mbed_verify bench/echo
tool-libs-interop/nng_req := $(BUILD)/lib/wire.layer.a -lnng
tool-libs-interop/mbed_verify := -lmbedx509 -lmbedcrypto
tool-needs-interop/nng_req := $(BUILD)/lib/wire.layer.a
define tool-rules
$(BUILD)/test/$(notdir $(1)): tests/$(1).c $(tool-needs-$(1)) $(BUILD)/see/wire/.made
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/wire $$< -o $$@ $(tool-libs-$(1))
endef
$(foreach t,$(tools),$(eval $(call tool-rules,$(t))))

# The vault's threads, for ThreadSanitizer: built with OPT='-O1 -g
# -fsanitize=thread' HARDEN= in a build folder of its own.
$(BUILD)/test/threads-vault: tests/support/threads_vault.c \
    $(BUILD)/lib/vault.layer.a $(BUILD)/lib/base.layer.a $(BUILD)/lib/wire.layer.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) -I$(BUILD)/see/vault -Wl,--wrap=pthread_attr_setstack \
	    -o $@ $^ $(call libs,$(call pkgs-of,vault base wire))

# Fuzz harnesses: which layers each may see and links, besides wire.
fuzzers := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz-layer-frame  :=
fuzz-layer-jws    := jose
fuzz-layer-jwe    := jose
fuzz-layer-jwk    := jose
fuzz-layer-jws_json := jose
fuzz-layer-jwe_json := jose
fuzz-layer-yaml   := keyspec
fuzz-layer-import := vault
fuzz-layer-member := peer

# Each twice: replayed over its corpus by make test, and, in the build that make
# fuzz makes with clang, driven by libFuzzer.
fuzz-sees  = $(or $(fuzz-layer-$(1)),wire)
fuzz-links = $(fuzz-layer-$(1)) $(filter-out wire,$(needs-$(fuzz-layer-$(1)))) wire
define fuzz-rules
$(BUILD)/obj/fuzz/$(1).o: tests/fuzz/fuzz_$(1).c $(BUILD)/see/$(call fuzz-sees,$(1))/.made
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$(Q)$(CC) $(CFLAGS_) -Wno-missing-prototypes -I$(BUILD)/see/$(call fuzz-sees,$(1)) -MMD -MP -c $$< -o $$@
$(BUILD)/test/fuzz-$(1): $(BUILD)/obj/fuzz/$(1).o $(BUILD)/obj/fuzz/replay.o
$(BUILD)/fuzz/$(1): $(BUILD)/obj/fuzz/$(1).o
$(BUILD)/test/fuzz-$(1) $(BUILD)/fuzz/$(1): $(foreach l,$(call fuzz-links,$(1)),$(BUILD)/lib/$(l).layer.a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$(CC) $(CFLAGS_) $$(if $$(filter $(BUILD)/fuzz/%,$$@),-fsanitize=fuzzer) $(LDFLAGS_) -o $$@ $$(filter %.o,$$^) $$(filter %.a,$$^) \
	    $$(call libs,$$(call pkgs-of,$(call fuzz-links,$(1)))) $(lib-$(fuzz-layer-$(1)))
endef
$(foreach f,$(fuzzers),$(eval $(call fuzz-rules,$(f))))
$(BUILD)/obj/fuzz/replay.o: tests/fuzz/replay.c $(BUILD)/see/wire/.made
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_) -I$(BUILD)/see/wire -MMD -MP -c $< -o $@
.PHONY: fuzzers
fuzzers: $(fuzzers:%=$(BUILD)/fuzz/%)

.PHONY: unit test-tools
unit: $(unit-layers:%=$(BUILD)/test/unit-%)
test-tools: $(BUILD)/test/plain/vhsmd-vault $(BUILD)/test/refusals $(BUILD)/test/refusals-leak $(BUILD)/test/full $(foreach t,$(tools),$(BUILD)/test/$(notdir $(t))) \
    $(fuzzers:%=$(BUILD)/test/fuzz-%)

# --- what people type ---------------------------------------------------------
.PHONY: deps demo test test-unit test-long fuzz lint bench install deb clean
deps:
	@deploy/deps.sh

demo: deps
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) deploy/examples/demo.sh
	@BUILD=$(BUILD) deploy/examples/demo-cluster.sh

# Everything that fits fifteen minutes; the last line says how many tests ran.
test: deps
	@$(MAKE) --no-print-directory all unit test-tools
	@BUILD=$(BUILD) $(PYTHON) tests/run.py

test-unit: unit
	@BUILD=$(BUILD) $(PYTHON) tests/run.py unit

# Sanitizers, the other compiler, soak, fuzzing: the steps of tests/long_steps.py,
# or those that LONG names.
test-long: deps
	@$(MAKE) --no-print-directory all unit test-tools
	@BUILD=$(BUILD) $(PYTHON) tests/run.py long $(LONG)

# libFuzzer over every harness, FUZZ_SECONDS each (FUZZ names some of them); what
# it finds is kept in $(BUILD)-fuzz/found.
fuzz: deps
	@BUILD=$(BUILD) $(PYTHON) tests/run.py fuzz $(FUZZ)

lint:
	@BUILD=$(BUILD) tests/lint/run.sh

bench: all $(BUILD)/test/echo
	@BUILD=$(BUILD) $(PYTHON) tests/bench/bench.py $(BENCH)

man := vhsmd.8 vhsm.1 keyspec.5 vhsmd.yaml.5 vhsmd-audit.5 libvhsm.3
docs := README.md ARCHITECTURE.md SECURITY.md CHANGELOG.md proto/PROTOCOL.md \
    proto/openapi.yaml vhsmd/PRIVSEP.md
D       = $(DESTDIR)$(PREFIX)
install: all
	install -d $(D)/bin $(D)/sbin $(D)/libexec/vhsmd $(D)/include \
	    $(DESTDIR)$(LIBDIR)/pkgconfig $(D)/share/vhsmd/systemd
	install -m 755 $(BUILD)/bin/vhsm $(D)/bin
	install -m 755 $(BUILD)/bin/vhsmd $(D)/sbin
	install -m 755 $(BUILD)/bin/vhsmd-front $(BUILD)/bin/vhsmd-vault \
	    $(BUILD)/bin/vhsmd-peer $(D)/libexec/vhsmd
	install -m 644 $(BUILD)/lib/libvhsm.a $(DESTDIR)$(LIBDIR)
	install -m 644 $(BUILD)/lib/libvhsm.so $(DESTDIR)$(LIBDIR)/libvhsm.so.$(VERSION)
	ln -sfn libvhsm.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libvhsm.so.0
	ln -sfn libvhsm.so.0 $(DESTDIR)$(LIBDIR)/libvhsm.so
	sed -e '$(pc)' client/vhsm.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/vhsm.pc
	install -m 644 client/vhsm.h $(D)/include
	sed 's|/usr/local/sbin|$(PREFIX)/sbin|' deploy/systemd/vhsmd.service \
	    >$(D)/share/vhsmd/systemd/vhsmd.service
	install -m 644 deploy/systemd/vhsmd.sysusers.conf deploy/systemd/vhsmd.tmpfiles.conf \
	    $(D)/share/vhsmd/systemd
	for m in $(man); do install -D -m 644 deploy/man/$$m $(D)/share/man/man$${m##*.}/$$m || exit 1; done
	for f in $(docs); do install -D -m 644 $$f $(D)/share/doc/vhsmd/$${f##*/} || exit 1; done
	for f in deploy/examples/*.yaml client/examples/*.c; do \
	    install -D -m 644 $$f $(D)/share/doc/vhsmd/examples/$${f##*/} || exit 1; done
	install -d $(D)/share/bash-completion/completions $(D)/share/zsh/site-functions
	$(BUILD)/bin/vhsm completion bash >$(D)/share/bash-completion/completions/vhsm
	$(BUILD)/bin/vhsm completion zsh >$(D)/share/zsh/site-functions/_vhsm

# Debian packages vhsmd, libvhsm0 and libvhsm-dev in $(BUILD)/deb, of what is built.
deb: all
	@BUILD=$(BUILD) VERSION=$(VERSION) MAKE='$(MAKE)' deploy/debian/build.sh

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj $(BUILD)/test -name '*.d' 2>/dev/null)
