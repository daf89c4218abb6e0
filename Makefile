# Each target is a script of the same name: see scripts/.
.PHONY: help build man install uninstall demo test properties bench torture stress soak memory cluster-bench fuzz matrix picture lint audit clean
.PHONY: site

help:
	@echo 'make build      the module and the programs, into target/release, and manual pages'
	@echo 'make man        the manual pages alone, into target/man'
	@echo 'make demo       see it work: server, workers, clients (port 4730)'
	@echo 'make test       all tests; installs what they need (PROFILE=release tests what users get: CI does)'
	@echo 'make properties every property with 100 times its cases (CASES_FACTOR=100)'
	@echo 'make bench      every path side by side with pecl on C gearmand (BENCH_ONLY=do,drain some of them)'
	@echo 'make torture    the durable queue under 200 times kill -9, a shared one under worse, and its pace'
	@echo 'make cluster-bench  what a shared queue in PostgreSQL does, also with ten million jobs'
	@echo 'make stress     10,000 forks, a million exchanges with a server that lies, a host that vanishes'
	@echo 'make soak       1,000,000 jobs: memory must not grow (TLS=1 over TLS)'
	@echo 'make memory     what a million queued jobs and ten thousand connections take'
	@echo 'make fuzz       looks for what breaks the protocol; FUZZ_SECONDS=600 for each target'
	@echo 'make matrix     the PHP tests on several PHPs, which it fetches or builds (ROWS=... some of them)'
	@echo "make picture    docs/page.png, the README's picture of the web page; takes a quarter of an hour"
	@echo 'make install    the module into PHP, gearmand, gearman and gearadmin into PREFIX/bin'
	@echo '                and their manual pages into PREFIX/share/man'
	@echo '                (as root; PREFIX=/usr/local; DESTDIR= to stage a package)'
	@echo 'make uninstall  takes away what install installed'
	@echo 'make lint       format, clippy and unsafe code, as CI looks at them'
	@echo 'make audit      known holes and licences of dependencies'
	@echo 'make site       docs/ as a site, and the pages of the code, into target/site and target/doc'
	@echo 'make clean      removes target/'
	@echo
	@echo 'PHP=... PHP_CONFIG=... choose another PHP than the first in PATH.'

build:
	@scripts/build.sh

man:
	@scripts/man.sh

demo:
	@scripts/demo.sh

test:
	@scripts/test.sh

properties:
	@scripts/properties.sh

bench:
	@scripts/bench.sh

torture:
	@scripts/torture.sh

stress:
	@scripts/stress.sh

soak:
	@ci/soak.sh

matrix:
	@ci/matrix.sh $(ROWS)

picture:
	@scripts/picture.sh

install:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh install

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh uninstall

memory: build
	@MEMORY_JOBS=1000000 MEMORY_CONNECTIONS=10000 MEMORY_C=1 interop/memory.sh

cluster-bench: build
	@CLUSTER_SECONDS=5 CLUSTER_ROUNDS=3 CLUSTER_ROWS=10000000 CLUSTER_TAKEOVERS=5 interop/cluster-bench.sh

fuzz:
	@scripts/fuzz.sh

lint:
	@scripts/lint.sh

site:
	@scripts/site.sh

audit:
	@scripts/audit.sh

clean:
	rm -rf target
