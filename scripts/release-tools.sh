#!/usr/bin/env bash
# Installs the tools of scripts/release.sh into target/release-tools and the Rust toolchain.
#
# On Linux, Zig brings a C compiler and musl for every target, so one machine builds all of them. The fixed
# versions also fix the libc in the binary. On macOS the compiler is Xcode's.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/release-tools
python3 -m venv "$tools"
packages=(maturin==1.16.0)
case "$(uname -s)" in
    Darwin) targets=(aarch64-apple-darwin x86_64-apple-darwin) ;;
    *)
        targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl)
        packages+=(ziglang==0.15.2 cargo-zigbuild==0.23.0) ;;
esac
"$tools/bin/pip" install --quiet "${packages[@]}"
cargo install --quiet --locked --root "$tools" --version 0.5.9 cargo-cyclonedx
rustup target add "${targets[@]}"
echo "$tools/bin"
