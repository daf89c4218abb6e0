# Each target is a script of the same name: see scripts/.
.PHONY: help build install uninstall demo test memory fuzz lint clean

help:
	@echo 'make build      the module and the programs, into target/release'
	@echo 'make demo       see it work: server, workers, clients (port 4730)'
	@echo 'make test       all tests; installs what they need'
	@echo 'make install    the module into PHP, gearmand, gearman and gearadmin into PREFIX/bin'
	@echo '                (as root; PREFIX=/usr/local; DESTDIR= to stage a package)'
	@echo 'make uninstall  takes away what install installed'
	@echo 'make memory     what a million queued jobs and ten thousand connections take'
	@echo 'make fuzz       looks for what breaks the protocol; FUZZ_SECONDS=600 for each target'
	@echo 'make lint       format and clippy, as CI runs them'
	@echo 'make clean      removes target/'
	@echo
	@echo 'PHP=... PHP_CONFIG=... choose another PHP than the first in PATH.'

build:
	@scripts/build.sh

demo:
	@scripts/demo.sh

test:
	@scripts/test.sh

install:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh uninstall

memory: build
	@MEMORY_JOBS=1000000 MEMORY_CONNECTIONS=10000 MEMORY_C=1 interop/memory.sh

fuzz:
	@scripts/fuzz.sh

lint:
	@scripts/lint.sh

clean:
	rm -rf target
