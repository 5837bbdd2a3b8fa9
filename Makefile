# The recipes stand in tests/run, where they can be read and run without make.

.PHONY: demo test bench bench-failover sessions swarm fuzz check clean

demo: ## a complete pair on this machine, in network namespaces
	cargo build --release
	"$${CARGO_TARGET_DIR:-target}/release/twincached" demo

test: ## everything; as root it includes the pair in network namespaces
	@tests/run test

bench: ## release build and comparisons
	@tests/run bench

bench-failover: ## the same faults on memcached with keepalived and on twincached, as root
	@tests/run bench-failover

sessions: ## Tomcat with MSM in every configuration, and PHP, through all faults, as root
	@tests/run sessions

swarm: ## random faults in the simulator: make swarm SEEDS=1000
	cargo test --test simulation no_seed_breaks_a_promise -- --nocapture

teeth: ## faults planted on purpose, and whether the simulator sees each: make teeth [FAULTS="NAME ..."]
	tests/simulation/teeth/run $(FAULTS)

fuzz: ## every reader of bytes from outside: make fuzz SECONDS=300 [TARGET=link]
	@tests/run fuzz $(or $(SECONDS),60) $(TARGET)

check: ## formatting and lints
	@tests/run check

clean:
	cargo clean
	rm -rf .venv
