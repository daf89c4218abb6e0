# Each target is a script of the same name: see scripts/.
.PHONY: help build install uninstall demo test matrix lint clean

help:
	@echo 'make build      the module and the programs, into target/release'
	@echo 'make demo       see it work: server, workers, clients (port 4730)'
	@echo 'make test       all tests; installs what they need'
	@echo 'make matrix     the PHP tests on several PHPs, which it fetches or builds (ROWS=... some of them)'
	@echo 'make install    the module into PHP, gearmand, gearman and gearadmin into PREFIX/bin'
	@echo '                (as root; PREFIX=/usr/local; DESTDIR= to stage a package)'
	@echo 'make uninstall  takes away what install installed'
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

matrix:
	@ci/matrix.sh $(ROWS)

install:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh uninstall

lint:
	@scripts/lint.sh

clean:
	rm -rf target
