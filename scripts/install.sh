#!/bin/sh
# Installs a released bcops on Linux or macOS, without Rust: downloads the binary of this machine's kind, checks the
# signature and the sum, and puts it in the user's folder of programs.
#
# usage: scripts/install.sh --from PLACE [--key KEY] [--version 1.2.3] [--to FOLDER]
#   --from      a folder with the files of a release, or the address of the project on GitLab, such as
#               https://gitlab.example.org/web/bcops; BCOPS_RELEASES names it too
#   --key       the public key of the releases: `ssh-ed25519 AAAA...`, or a file of such keys, such as
#               scripts/release-signers of a clone; BCOPS_RELEASE_KEY holds it too
#   --version   default: the newest release of the project
#   --to        default: ~/.local/bin
#
# The sums find a broken download. The key proves who made the files. Take the key from another place than the files,
# for example from a clone of the project.
#
# A private project needs a token with permission to read its packages, in GITLAB_TOKEN. The token goes to the
# project's own host only, over HTTPS, even if GitLab redirects the download to a storage.
set -eu

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

from=${BCOPS_RELEASES:-}
key=${BCOPS_RELEASE_KEY:-}
version=
to=${HOME:?}/.local/bin
while [ $# -gt 0 ]; do
    case $1 in
        --from | --key | --version | --to)
            [ $# -ge 2 ] || fail "$1 needs a value"
            case $1 in
                --from) from=$2 ;;
                --key) key=$2 ;;
                --version) version=${2#v} ;;
                --to) to=$2 ;;
            esac
            shift 2 ;;
        *) fail "unknown argument $1 (usage: install.sh --from PLACE [--key KEY] [--version 1.2.3] [--to FOLDER])" ;;
    esac
done
[ -n "$from" ] || fail "no place to install from: give --from with a folder or the project's address"

case "$(uname -s)/$(uname -m)" in
    Linux/x86_64 | Linux/amd64) kind=x86_64-linux ;;
    Linux/aarch64 | Linux/arm64) kind=aarch64-linux ;;
    Darwin/x86_64) kind=x86_64-macos ;;
    Darwin/arm64) kind=aarch64-macos ;;
    *) fail "no binary for $(uname -s) on $(uname -m): build it with 'cargo install --locked --path .'" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A plain key becomes a signer of releases and of nothing else. Other lines are in that form already. A bad key stops
# the script before the first download.
if [ -n "$key" ]; then
    command -v ssh-keygen >/dev/null || fail "cannot check the signature: ssh-keygen is missing. Install openssh-client"
    if [ -f "$key" ]; then cat "$key"; else printf '%s\n' "$key"; fi |
        sed -E -e '/^ *(#|$)/d' -e 's/^ *((ssh|ecdsa|sk)-)/bcops namespaces="bcops-release" \1/' >"$work/signers"
    grep -q ' AAAA' "$work/signers" || fail "cannot check the signature: --key holds no public key (ssh-ed25519 AAAA...)"
fi

# A token with other characters could add lines to what curl reads.
case ${GITLAB_TOKEN:-} in
    *[!A-Za-z0-9._-]*) fail "cannot use GITLAB_TOKEN: a token has only letters, digits, '.', '_' and '-'" ;;
esac

protocols='=https'
case $from in
    http://*@*) fail "$from has a user name: give the address without one" ;;
    http://127.0.0.1:*) protocols='=http' ;;
    http://*) fail "$from is not safe: give an address that begins with https://" ;;
esac

# usage: download ADDRESS FILE. The token goes through standard input: no list of processes shows it. Authorization
# is the one header that curl does not send to another host after a redirect.
download() {
    if [ -n "${GITLAB_TOKEN:-}" ]; then printf 'header = "Authorization: Bearer %s"\n' "$GITLAB_TOKEN"; fi |
        curl --config - --fail --silent --show-error --location --proto "$protocols" --output "$2" "$1" ||
        fail "cannot download $1"
}

# The API knows a project by its path with the slashes encoded.
api() {
    host=$(printf '%s' "$from" | sed -n 's|^\(https\{0,1\}://[^/]*\)/.*|\1|p')
    path=$(printf '%s' "${from%/}" | sed -n 's|^https\{0,1\}://[^/]*/||p' | sed 's|/|%2F|g')
    [ -n "$host" ] && [ -n "$path" ] || fail "$from is not the address of a project"
    printf '%s/api/v4/projects/%s' "$host" "$path"
}

case $from in
    http://* | https://*)
        project=$(api)
        if [ -z "$version" ]; then
            download "$project/releases/permalink/latest" "$work/latest"
            version=$(sed -n 's/^[^{]*{.*"tag_name":"v\([0-9][0-9.]*\)".*/\1/p' "$work/latest" | head -1)
            [ -n "$version" ] || fail "$from has no release: give --version"
        fi
        name=bcops-$version-$kind
        files=$project/packages/generic/bcops/v$version
        download "$files/SHA256SUMS" "$work/SHA256SUMS"
        [ -z "$key" ] || download "$files/SHA256SUMS.sig" "$work/SHA256SUMS.sig"
        download "$files/$name" "$work/$name" ;;
    *)
        [ -f "$from/SHA256SUMS" ] || fail "$from has no SHA256SUMS"
        if [ -z "$version" ]; then
            version=$(sed -n "s/^[0-9a-f]*  bcops-\([0-9][0-9.]*\)-$kind\$/\1/p" "$from/SHA256SUMS" | head -1)
            [ -n "$version" ] || fail "$from has no binary for $kind"
        fi
        name=bcops-$version-$kind
        [ -f "$from/$name" ] || fail "$from has no $name"
        if [ -n "$key" ]; then
            [ -f "$from/SHA256SUMS.sig" ] || fail "$from has no SHA256SUMS.sig; nothing was installed"
            cp "$from/SHA256SUMS.sig" "$work/"
        fi
        cp "$from/SHA256SUMS" "$from/$name" "$work/" ;;
esac

if [ -n "$key" ]; then
    ssh-keygen -Y verify -f "$work/signers" -I bcops -n bcops-release -s "$work/SHA256SUMS.sig" \
        <"$work/SHA256SUMS" >"$work/said" 2>&1 ||
        fail "SHA256SUMS has no signature of this key; nothing was installed"
else
    say "not checked: the signature, because there is no --key"
fi

# macOS has no sha256sum before version 15.
if command -v sha256sum >/dev/null; then sum="sha256sum"; else sum="shasum -a 256"; fi
# The list must name the file: --ignore-missing would pass a list without it.
(cd "$work" && grep -F "  $name" SHA256SUMS | grep -x "[0-9a-f]\{64\}  $name" >one && $sum -c one >/dev/null 2>&1) ||
    fail "$name is not what SHA256SUMS says; nothing was installed"
chmod 0755 "$work/$name"
"$work/$name" --version >/dev/null || fail "$name does not run on this machine; nothing was installed"
mkdir -p "$to"
to=$(cd "$to" && pwd)
# A rename, so a running bcops keeps its old file.
mv "$work/$name" "$to/.bcops.new" && mv "$to/.bcops.new" "$to/bcops"
say "installed $("$to/bcops" --version) as $to/bcops"
case ":$PATH:" in
    *":$to:"*) ;;
    *) say "$to is not in PATH: add 'export PATH=\"$to:\$PATH\"' to your shell's profile" ;;
esac
say "next: bcops completions --install, then bcops doctor"
