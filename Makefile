# make test       all tests, in one run
# make rehearse   a made-up site on this machine, and a command against it:
#                   make rehearse CMD="pull-data production --dry-run"
#                   make rehearse CMD="reset-staging"
#                   make rehearse CMD="doctor" CONFIG=my.toml KEEP=1
# make docs       writes docs/commands.md, docs/json.md and the table of docs/configuration.md
# make pictures   writes docs/pictures, from runs of the sandbox on this machine
# make book       the pages of docs/ as a site, in target/book
# make bench      bcops against pg_restore on the large database (BENCH="--help" has more)

CMD ?= pull-production-data --yes
CONFIG ?=
KEEP ?=
BENCH ?=

.PHONY: test rehearse docs pictures book bench prerequisites

prerequisites:
	@scripts/install-prerequisites.sh

# The second and third run reset apps whose releases have slugs or images. The council's app is on the
# container stack, which has neither. Most tests wait: two threads for each core are a third faster.
test: prerequisites
	@export RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(getconf _NPROCESSORS_ONLN)))}; set -ex; \
	cargo test; \
	BCOPS_TEST_STACK=heroku-24 cargo test --test end_to_end reset_staging -- --skip world_ --skip service_table; \
	BCOPS_TEST_STACK=cnb cargo test --test end_to_end reset_staging::code

rehearse: prerequisites
	@cargo build --quiet --bins --example sandbox
	@SANDBOX_KEEP='$(KEEP)' target/debug/examples/sandbox $(if $(CONFIG),--config '$(CONFIG)') -- bcops $(CMD)

docs:
	cargo run --quiet --example write_reference

pictures: prerequisites
	cargo build --bins --example sandbox
	BCOPS_DRAW_PICTURES=1 cargo test --test end_to_end pictures::

book:
	@scripts/build-book.sh

bench: prerequisites
	cargo build --release
	tests/bench/pull.py $(BENCH)
