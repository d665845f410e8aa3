# vhsmd: one Makefile, no recursion.  V=1 shows the commands.
VERSION := 0.1.0
BUILD   ?= build
PREFIX  ?= /usr/local
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
layers := wire jose keyspec base super front vault libvhsm cli
dir-wire    := proto/wire
dir-jose    := proto/jose
dir-keyspec := keyspec
dir-base    := vhsmd/base
dir-super   := vhsmd/super
dir-front   := vhsmd/front
dir-vault   := vhsmd/vault
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
see-libvhsm := wire client
see-cli     := wire client

# Libraries that the objects of a layer need.
pkg-wire    := libsodium
pkg-jose    := jansson libsodium
pkg-keyspec := yaml-0.1
pkg-base    := libseccomp libcrypto
pkg-super   :=
pkg-front   := libmicrohttpd jansson libcrypto
pkg-vault   := libcrypto jansson libsodium
pkg-libvhsm :=
pkg-cli     := jansson

# Layers a program links besides its own, in link order.
needs-super := keyspec base wire
needs-front := jose base wire
needs-vault := base wire
needs-cli   := libvhsm wire

programs := vhsmd vhsmd-front vhsmd-vault vhsm
layer-vhsmd       := super
layer-vhsmd-front := front
layer-vhsmd-vault := vault
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
	    $$(call libs,$$(call pkgs-of,$(layer-$(1)) $(needs-$(layer-$(1)))))
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
$(BUILD)/lib/vhsm.pc: client/vhsm.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< >$@

# --- unit tests: one Criterion program a layer ------------------------------
unit-layers := $(foreach l,$(layers),$(if $(wildcard tests/unit/$(l)/*.c),$(l)))
define unit-rules
$(BUILD)/obj/unit-$(1)/%.o: tests/unit/$(1)/%.c $(BUILD)/see/$(1)/.made
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$(Q)$(CC) $(CFLAGS_) -Wno-missing-prototypes -I$(BUILD)/see/$(1) -I$(BUILD)/see-support -MMD -MP -c $$< -o $$@
$(BUILD)/test/unit-$(1): $(patsubst tests/unit/$(1)/%.c,$(BUILD)/obj/unit-$(1)/%.o,$(wildcard tests/unit/$(1)/*.c)) \
    $(foreach l,$(1) $(needs-$(1)) $(unit-needs-$(1)),$(BUILD)/lib/$(l).layer.a)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$(CC) $(CFLAGS_) $(LDFLAGS_) -o $$@ $$^ \
	    $$(call libs,criterion $$(call pkgs-of,$(1) $(needs-$(1)) $(unit-needs-$(1)))) $(unit-libs-$(1))
endef
unit-needs-jose    := wire
unit-needs-keyspec := wire
unit-needs-base    := wire
unit-needs-libvhsm := wire
$(foreach l,$(unit-layers),$(eval $(call unit-rules,$(l))))

.PHONY: unit
unit: $(unit-layers:%=$(BUILD)/test/unit-%)
.PHONY: test-unit
test-unit: unit
	$(Q)for l in $(unit-layers); do $(BUILD)/test/unit-$$l || exit 1; done

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
