# One configuration for everything, so that nothing is built twice. `martlet` and `bgpctl` link the Swift runtime
# statically through their own linker settings in Package.swift.
SWIFT ?= swift
FLAGS := -c release -Xswiftc -enable-testing

.PHONY: demo interop soak test test-long fuzz sanitize build bench bench-micro bench-check rfc-checks check format clean deps

demo: build
	Scripts/deps demo
	Scripts/demo

build:
	Scripts/deps build
	$(SWIFT) build $(FLAGS)

# Everything with a bounded run time: unit, component and interoperability tests, the black-box checks, and the short
# rows of the interoperability matrix.
test: deps
	$(SWIFT) build $(FLAGS) --build-tests
	Scripts/check
	MARTLET_LONG_TESTS= Scripts/test --black-box --matrix --short --soak "--seconds 20 --daemon bird" $(SWIFT) test $(FLAGS) --skip-build

# The same, the tests that run for minutes, the whole matrix and a longer soak included, then sanitizers, counters of the micro
# benchmarks, and half a minute of every fuzzer; docs/interop.md has what came of it.
test-long: deps
	$(SWIFT) build $(FLAGS) --build-tests
	Scripts/check
	SWIFT="$(SWIFT)" Scripts/test-long $(FLAGS)

# The black-box checks against Martlet, BIRD, FRR, GoBGP and OpenBGPD; writes docs/rfc-checks.md. One of them: Tests/BlackBox/run.py --dut bird
rfc-checks: deps
	$(SWIFT) build $(FLAGS)
	Tests/BlackBox/run.py --write-table

# Every feature with every other daemon, read from that daemon's own state; writes docs/interop.md. Some of it:
# Tests/Matrix/run.py --daemon frr --only Restarts
interop: deps
	$(SWIFT) build $(FLAGS)
	Tests/Matrix/run.py --write

# Martlet beside the same daemons while all happens that can happen to a router; Tests/Soak/run.py --seed 7 --daemon frr again.
SOAK_SECONDS := 600
soak: deps
	$(SWIFT) build $(FLAGS)
	Tests/Soak/run.py --seconds $(SOAK_SECONDS)

# Tests of sessions, core and speaker with ThreadSanitizer and with AddressSanitizer.
sanitize: deps
	Scripts/sanitize thread
	Scripts/sanitize address

# Every decoder with libFuzzer and AddressSanitizer; FUZZ=Config for one of them.
FUZZ := all
TIME := 60
fuzz: deps
	Fuzz/run $(FUZZ) $(TIME)

# How long the steps take that a route goes through; Scripts/bench-micro REGEX for some of them.
bench-micro:
	Scripts/deps build
	Scripts/bench-micro

# Allocations, retains and releases of the same steps, which must be those of Benchmarks/Thresholds.
bench-check:
	Scripts/deps build
	Scripts/bench-check

# Micro benchmarks of the core, then all scenarios against every daemon that is installed (about half an hour), then what
# a reload of 1,000 sessions costs when one of them changed.
PEERS := relay,bird2,bird3,frrc0,openbgpd,martlet
SCENARIOS := S1,S2b,S3,S4,S5
RUNS := 3
RESULTS := .build/bench.jsonl
bench: build bench-micro
	rm -f $(RESULTS)
	python3 Benchmarks/peers/run.py --duts $(PEERS) --scenarios $(SCENARIOS) --runs $(RUNS) --out $(RESULTS)
	python3 Benchmarks/peers/run.py --report $(RESULTS)
	python3 Benchmarks/reload/run.py

check: build
	Scripts/check

format:
	$(SWIFT) format -i -p $$(git ls-files '*.swift')

clean:
	$(SWIFT) package clean

deps:
	Scripts/deps test
