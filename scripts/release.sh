#!/usr/bin/env bash
# Builds the static binaries of a release, their sums and the lists of their crates.
#
# usage: scripts/release.sh VERSION [TARGET...]
#   VERSION   the version in Cargo.toml; a tag v1.2.3 is the version 1.2.3
#   TARGET    x86_64-unknown-linux-musl and aarch64-unknown-linux-musl by default
#
# The result is in target/dist. scripts/release-tools.sh installs the tools.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'release: %s\n' "$*" >&2; }
version=${1:?usage: release.sh VERSION [TARGET...]}
version=${version#v}
shift
targets=("$@")
[[ ${#targets[@]} -gt 0 ]] || targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl)

written=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
if [[ "$version" != "$written" ]]; then
    say "the tag says $version, and Cargo.toml says $written"
    exit 1
fi
PATH="$PWD/target/release-tools/bin:$PATH"
for tool in cargo-zigbuild cargo-cyclonedx; do
    command -v "$tool" >/dev/null || { say "no $tool: run scripts/release-tools.sh"; exit 1; }
done

# A binary that needs a library of the machine cannot be copied to another one.
assert_static() {
    local headers
    headers=$(readelf --wide --program-headers --dynamic "$1")
    if grep -qE 'INTERP|NEEDED' <<<"$headers"; then
        say "$1 is not static:"
        grep -E 'INTERP|NEEDED' <<<"$headers" >&2
        exit 1
    fi
}

# usage: assert_version FILE MACHINE. Runs a binary of another machine if qemu-user is installed.
assert_version() {
    local runner=()
    if [[ $2 != "$(uname -m)" ]]; then
        runner=("$(command -v "qemu-$2" || command -v "qemu-$2-static" || true)")
        if [[ -z ${runner[0]} ]]; then
            say "not run: $1 is for another machine, and qemu-$2 is not installed"
            return
        fi
    fi
    local answer
    answer=$("${runner[@]}" "$1" --version)
    [[ $answer = "bcops $version" ]] || { say "$1 reports the version $answer"; exit 1; }
}

dist=target/dist
rm -rf "$dist"
mkdir -p "$dist"
for target in "${targets[@]}"; do
    say "building $target"
    cargo zigbuild --release --locked --bin bcops --target "$target"
    name="bcops-$version-${target%-unknown-linux-musl}-linux"
    install -m 0755 "${CARGO_TARGET_DIR:-target}/$target/release/bcops" "$dist/$name"
    assert_static "$dist/$name"
    assert_version "$dist/$name" "${target%%-*}"
    say "listing its crates"
    cargo cyclonedx --format json --spec-version 1.5 --target "$target" --override-filename bcops-sbom
    # The list does not name the folder of the build.
    sed "s|file://$PWD||g" bcops-sbom.json > "$dist/$name.cdx.json"
    rm bcops-sbom.json
done
(cd "$dist" && sha256sum -- * > SHA256SUMS && sha256sum --check --quiet SHA256SUMS)
ls -l "$dist" >&2
