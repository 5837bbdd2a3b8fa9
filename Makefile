# The recipes stand in tests/run, where they can be read and run without make.

.PHONY: demo test bench bench-failover sessions swarm fuzz check clean

demo: ## a complete pair on this machine, in network namespaces
	cargo build --release
	./target/release/twincached demo

test: ## everything; as root it includes the pair in network namespaces
	@tests/run test

bench: ## release build and comparisons
	@tests/run bench

bench-failover: ## the same faults on memcached with keepalived and on twincached, as root
	@tests/run bench-failover

sessions: ## Tomcat with MSM in every configuration, and PHP, through all faults, as root
	@tests/run sessions

swarm: ## random faults in the simulator: make swarm SEEDS=1000
	cargo test --release --features swarm --test simulation swarm

fuzz: ## every reader of bytes from outside: make fuzz SECONDS=300 [TARGET=link]
	@tests/run fuzz $(or $(SECONDS),60) $(TARGET)

check: ## formatting and lints
	@tests/run check

clean:
	cargo clean
	rm -rf .venv
