# Each target is a script of the same name: in scripts/ for who uses, changes or packages this, in ci/ for what takes long.
.PHONY: help build man package deb install uninstall demo test test-rust test-php test-interop properties bench torture stress soak memory \
	cluster-bench fuzz matrix ci picture lint site audit clean

help:
	@echo 'To use it:'
	@echo '  make demo           see it work: server, workers, clients (port 4730)'
	@echo '  make build          the module, the programs and manual pages, into target/ (make man: these alone)'
	@echo '  make install        them into PHP and PREFIX (as root; PREFIX=/usr/local; DESTDIR= to stage a package)'
	@echo '  make package        the module as a zip for PIE, for the PHP at hand, into target/package'
	@echo '  make deb            Debian packages of what make build made, into target/deb'
	@echo '  make uninstall      takes away what install installed'
	@echo '  make bench          every path side by side with pecl on C gearmand (BENCH_ONLY=do,drain some of them)'
	@echo 'To change it:'
	@echo '  make test           all tests; installs what they need (PROFILE=release tests what users get: CI does)'
	@echo "  make test-rust      Rust's tests; make test-php: the module's"
	@echo "  make test-interop   with others' programs, browsers and databases (ONLY=tls,fpm some of them)"
	@echo '  make lint           format, clippy, unsafe code, maps and scripts, as CI looks at them'
	@echo '  make site           docs/ as a site, and the pages of the code, into target/site and target/doc'
	@echo '  make clean          removes target/'
	@echo 'What takes long, for CI and before a release:'
	@echo '  make ci ROW=...     a row of ci/rows, as the workflows run it'
	@echo '  make matrix         the PHP tests on several PHPs, which it fetches or builds (ROWS=... some of them)'
	@echo '  make properties     every property with 100 times its cases (CASES_FACTOR=100)'
	@echo '  make fuzz           looks for what breaks the protocol; FUZZ_SECONDS=600 for each target'
	@echo '  make torture        durable and shared queues under kill -9 and worse, 200 times, and their pace'
	@echo '  make stress         10,000 forks, a million exchanges with a server that lies, a host that vanishes'
	@echo '  make soak           1,000,000 jobs: memory must not grow (TLS=1 over TLS)'
	@echo '  make memory         what a million queued jobs and ten thousand connections take'
	@echo '  make cluster-bench  what a shared queue in PostgreSQL does, also with ten million jobs'
	@echo "  make picture        docs/page.png, the README's picture of the web page; a quarter of an hour"
	@echo '  make audit          known holes and licences of dependencies'
	@echo 'PHP=... PHP_CONFIG=... choose another PHP than the first in PATH.'

build:
	@scripts/build.sh

man:
	@scripts/man.sh

demo:
	@scripts/demo.sh

test:
	@scripts/test.sh

test-rust:
	@scripts/test.sh rust

test-php:
	@scripts/test.sh php

test-interop:
	@scripts/test.sh interop

properties:
	@ci/properties.sh

bench:
	@scripts/bench.sh

torture:
	@ci/torture.sh

stress:
	@ci/stress.sh

soak:
	@ci/soak.sh

matrix:
	@ci/matrix.sh $(ROWS)

picture:
	@ci/picture.sh

deb:
	@scripts/deb.sh

install:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh install

package:
	@scripts/package.sh

uninstall:
	@DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install.sh uninstall

memory: build
	@MEMORY_JOBS=1000000 MEMORY_CONNECTIONS=10000 MEMORY_C=1 interop/memory.sh

cluster-bench: build
	@CLUSTER_SECONDS=5 CLUSTER_ROUNDS=3 CLUSTER_TAKEOVERS=5 interop/cluster-bench.sh
	@CLUSTER_SECONDS=5 CLUSTER_ROWS=10000000 interop/cluster-waiting.sh
	@CLUSTER_SECONDS=20 CLUSTER_CHURN=10000000 interop/cluster-churn.sh

fuzz:
	@ci/fuzz.sh

lint:
	@scripts/lint.sh

site:
	@scripts/site.sh

audit:
	@ci/audit.sh

ci:
	@ci/row.sh $(ROW)

clean:
	rm -rf target
