#!/usr/bin/env bash
# Installs the tools of scripts/release.sh into target/release-tools and the Rust toolchain.
#
# Zig brings a C compiler and musl for every target, so one machine builds all of them. The fixed
# versions also fix the libc in the binary.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/release-tools
python3 -m venv "$tools"
"$tools/bin/pip" install --quiet ziglang==0.15.2 cargo-zigbuild==0.23.0
cargo install --quiet --locked --root "$tools" --version 0.5.9 cargo-cyclonedx
rustup target add x86_64-unknown-linux-musl aarch64-unknown-linux-musl
echo "$tools/bin"
