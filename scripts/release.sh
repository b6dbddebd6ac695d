#!/usr/bin/env bash
# Builds the files of a release: binaries, archives, wheels, the lists of their crates, and the sums.
#
# usage: scripts/release.sh VERSION [TARGET...]
#   VERSION   the version in Cargo.toml; a tag v1.2.3 is the version 1.2.3
#   TARGET    by default, on Linux: x86_64-unknown-linux-musl and aarch64-unknown-linux-musl, both static;
#             on macOS: aarch64-apple-darwin and x86_64-apple-darwin
#
# The result is in target/dist, or in the folder that BCOPS_DIST names. scripts/release-tools.sh installs the tools.
# The next step is scripts/sign-release.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'release: %s\n' "$*" >&2; }
version=${1:?usage: release.sh VERSION [TARGET...]}
version=${version#v}
shift
targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
    case "$(uname -s)" in
        Darwin) targets=(aarch64-apple-darwin x86_64-apple-darwin) ;;
        *) targets=(x86_64-unknown-linux-musl aarch64-unknown-linux-musl) ;;
    esac
fi

written=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -1)
if [[ "$version" != "$written" ]]; then
    say "the tag says $version, and Cargo.toml says $written"
    exit 1
fi
scripts/release-notes.sh "$version" >/dev/null
PATH="$PWD/target/release-tools/bin:$PATH"
tools=(cargo-cyclonedx maturin)
for target in "${targets[@]}"; do
    case $target in *-linux-*) tools+=(cargo-zigbuild) ;; esac
done
for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || { say "no $tool: run scripts/release-tools.sh"; exit 1; }
done

# A binary that needs a library of the machine cannot be copied to another one. macOS has no static binaries, so the
# libraries of the system are allowed there.
assert_alone() {
    local read needed
    # In a step of its own, so a reader that is missing or fails stops the release.
    case $2 in
        *-linux-*)
            read=$(readelf --wide --program-headers --dynamic "$1")
            needed=$(grep -E 'INTERP|NEEDED' <<<"$read" || true) ;;
        *)
            read=$(otool -L "$1")
            needed=$(tail -n +2 <<<"$read" | grep -vE '^[[:space:]]+(/usr/lib/|/System/Library/)' || true) ;;
    esac
    if [[ -n $needed ]]; then
        say "$1 needs libraries:"
        printf '%s\n' "$needed" >&2
        exit 1
    fi
}

# usage: runner TARGET. Prints the program that runs binaries of the target here: `env` for the machine's own kind,
# qemu-user for another kind of Linux, Rosetta's `arch` for Intel on an Apple chip. Prints nothing without one.
runner() {
    case "$(uname -s)/$1" in
        Linux/"$(uname -m)"-unknown-linux-*) echo env ;;
        Linux/*-linux-*) command -v "qemu-${1%%-*}" || command -v "qemu-${1%%-*}-static" || true ;;
        Darwin/aarch64-*) [[ $(uname -m) != arm64 ]] || echo env ;;
        Darwin/x86_64-*) if arch -x86_64 true 2>/dev/null; then echo "arch -x86_64"; fi ;;
    esac
}

# usage: archive NAME BINARY. The program with its licence, manual and completions, in a folder of its own. The same
# commit gives the same bytes on Linux; the tar of macOS has no option for that.
archive() {
    local folder=$work/$1 options=()
    mkdir -p "$folder/man" "$folder/completions"
    install -m 0755 "$2" "$folder/bcops"
    cp LICENSE README.md CHANGELOG.md "$folder/"
    cp -R "$work/man" "$work/completions" "$folder/"
    if tar --version | grep -q GNU; then
        options=(--sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)")
    fi
    tar -C "$work" ${options[@]+"${options[@]}"} -cf - "$1" | gzip -9n >"$dist/$1.tar.gz"
}

dist=${BCOPS_DIST:-target/dist}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/man" "$work/completions"
rm -rf "$dist"
mkdir -p "$dist"
for target in "${targets[@]}"; do
    say "building $target"
    case $target in
        *-linux-*) cargo zigbuild --release --locked --bin bcops --target "$target" ;;
        *) cargo build --release --locked --bin bcops --target "$target" ;;
    esac
    case $target in
        *-linux-*) name="bcops-$version-${target%%-*}-linux" ;;
        *) name="bcops-$version-${target%%-*}-macos" ;;
    esac
    install -m 0755 "${CARGO_TARGET_DIR:-target}/$target/release/bcops" "$dist/$name"
    assert_alone "$dist/$name" "$target"
    run=$(runner "$target")
    if [[ -n $run ]]; then
        answer=$($run "$dist/$name" --version)
        [[ $answer = "bcops $version" ]] || { say "$dist/$name reports the version $answer"; exit 1; }
        $run "$dist/$name" man >"$work/man/bcops.1"
        for shell in bash zsh fish; do
            $run "$dist/$name" completions "$shell" >"$work/completions/bcops.$shell"
        done
    else
        say "not run: $dist/$name is for another machine, and nothing here runs it"
    fi
    say "listing its crates"
    cargo cyclonedx --format json --spec-version 1.5 --target "$target" --override-filename bcops-sbom
    # The list does not name the folder of the build.
    sed "s|file://$PWD||g" bcops-sbom.json >"$dist/$name.cdx.json"
    rm bcops-sbom.json
    archive "$name" "$dist/$name"
    scripts/wheel.sh "$dist/$name" "$target" "$dist" "$dist/$name.cdx.json"
done
if command -v sha256sum >/dev/null; then sums=(sha256sum); else sums=(shasum -a 256); fi
(cd "$dist" && "${sums[@]}" -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" . && "${sums[@]}" -c SHA256SUMS >/dev/null)
ls -l "$dist" >&2
