#!/usr/bin/env bash
# Builds the static binaries of a release with their sums and the list of what is in them.
#
# usage: scripts/release.sh VERSION [TARGET...]
#   VERSION   has to be that of Cargo.toml; a tag v1.2.3 is the version 1.2.3
#   TARGET    x86_64-unknown-linux-musl and aarch64-unknown-linux-musl unless told
#
# Everything goes to target/dist. scripts/release-tools.sh installs what this needs.
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

# A binary that needs a library of the machine is none that can be copied anywhere.
assert_static() {
    local headers
    headers=$(readelf --wide --program-headers --dynamic "$1")
    if grep -qE 'INTERP|NEEDED' <<<"$headers"; then
        say "$1 is not static:"
        grep -E 'INTERP|NEEDED' <<<"$headers" >&2
        exit 1
    fi
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
    if [[ $target = "$(uname -m)"-* ]]; then
        [[ $("$dist/$name" --version) = "bcops $version" ]] || { say "$name is another version"; exit 1; }
    else
        say "$name is for another machine, so that it is not run here"
    fi
done

say "listing what is in it"
cargo cyclonedx --format json --spec-version 1.5 --target all --override-filename bcops-sbom
# Where it was built is nobody's business.
sed "s|file://$PWD||g" bcops-sbom.json > "$dist/bcops-$version.cdx.json"
rm bcops-sbom.json
(cd "$dist" && sha256sum -- * > SHA256SUMS && sha256sum --check --quiet SHA256SUMS)
ls -l "$dist" >&2
