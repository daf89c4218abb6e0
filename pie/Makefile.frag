# How the module is built; added to the Makefile that phpize makes. cargo runs only when a source is newer than the
# module: `sudo make install` must not need it, as root has often none.
gearman_sources := $(shell cd "$(GEARMAN_ROOT)" && find "$(GEARMAN_ROOT)/Cargo.toml" "$(GEARMAN_ROOT)/Cargo.lock" \
	"$(GEARMAN_ROOT)/build.rs" "$(GEARMAN_ROOT)/build" "$(GEARMAN_ROOT)/stubs" "$(GEARMAN_ROOT)/src" \
	"$(GEARMAN_ROOT)/crates/gearman-core/Cargo.toml" "$(GEARMAN_ROOT)/crates/gearman-core/src")

# PHP's Makefile finds the names of modules in files such as libtool's.
$(phplibdir)/gearman.la: $(phplibdir)/gearman.so
	@echo "dlname='gearman.so'" >$@

# +: cargo takes part in make's -j.
$(phplibdir)/gearman.so: Makefile $(gearman_sources)
	@+target=$${CARGO_TARGET_DIR:-$(GEARMAN_TARGET)} && \
	case $$target in /*) ;; *) target=$(top_builddir)/$$target ;; esac && \
	(cd "$(GEARMAN_ROOT)" && PATH=`dirname "$(CARGO)"`:$$PATH RUSTC="$(RUSTC)" CARGO_TARGET_DIR="$$target" \
		PHP="$(PHP_EXECUTABLE)" PHP_CONFIG="$(GEARMAN_PHP_CONFIG)" "$(CARGO)" build --locked --release -p gearman_rs) && \
	mkdir -p "$(phplibdir)" && cp "$$target/$$CARGO_BUILD_TARGET/release/$(GEARMAN_LIBRARY)" $@
