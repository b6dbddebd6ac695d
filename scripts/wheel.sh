#!/usr/bin/env bash
# Packs a binary that is already built into a wheel, for `uvx bcops` and `pipx install bcops`.
#
# usage: scripts/wheel.sh BINARY TARGET FOLDER [SBOM]
#   BINARY   the program, as scripts/release.sh built and checked it
#   TARGET   its target in Rust's words, for example x86_64-unknown-linux-musl
#   FOLDER   where the wheel goes
#   SBOM     the list of what is in the binary, which goes into the wheel as well
#
# maturin writes the wheel, by pyproject.toml. It asks cargo for a build, and the stand-in below answers with BINARY:
# the wheel holds the very file whose sum is signed, and nothing is built twice. That is checked at the end.
set -euo pipefail

say() { printf 'wheel: %s\n' "$*" >&2; }
[[ $# -ge 3 ]] || { say "usage: wheel.sh BINARY TARGET FOLDER [SBOM]"; exit 2; }
released=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
target=$2
mkdir -p "$3"
folder=$(cd "$3" && pwd)
sbom=()
[[ $# -lt 4 ]] || sbom=(--sbom-include "$(cd "$(dirname "$4")" && pwd)/$(basename "$4")")
cd "$(dirname "$0")/.."
PATH="$PWD/target/release-tools/bin:$PATH"
command -v maturin >/dev/null || { say "no maturin: run scripts/release-tools.sh"; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The program in the wheel has the name of the file.
install -m 0755 "$released" "$work/bcops"
BCOPS_BINARY=$work/bcops
REAL_CARGO=$(command -v cargo)
export BCOPS_BINARY REAL_CARGO
cat >"$work/cargo" <<'STANDIN'
#!/usr/bin/env bash
# Answers a build with the binary that is there, in the lines that cargo prints for programs.
set -euo pipefail
if [[ ${1:-} != rustc ]]; then exec "$REAL_CARGO" "$@"; fi
"$REAL_CARGO" metadata --format-version 1 --no-deps | python3 -c '
import json, os, sys
package = json.load(sys.stdin)["packages"][0]
target = next(t for t in package["targets"] if t["kind"] == ["bin"])
binary = os.environ["BCOPS_BINARY"]
profile = {"opt_level": "3", "debuginfo": 0, "debug_assertions": False, "overflow_checks": False, "test": False}
print(json.dumps({"reason": "compiler-artifact", "package_id": package["id"], "features": [], "fresh": True,
                  "manifest_path": package["manifest_path"], "target": target, "profile": profile,
                  "filenames": [binary], "executable": binary}))
print(json.dumps({"reason": "build-finished", "success": True}))'
STANDIN
chmod +x "$work/cargo"

# A static program runs with both families of libc. On macOS maturin takes the tag from the target.
# The form of the arrays below is for bash 3.2, which macOS has: it takes an empty one for unset.
compatibility=()
case $target in
    *-linux-musl) compatibility=(--compatibility manylinux_2_17 musllinux_1_1) ;;
esac
CARGO="$work/cargo" maturin build --release --locked --strip false --target "$target" --out "$work/out" \
    ${compatibility[@]+"${compatibility[@]}"} ${sbom[@]+"${sbom[@]}"} >&2

wheel=$(echo "$work"/out/*.whl)
python3 - "$wheel" "$released" <<'CHECK'
import hashlib, sys, zipfile
wheel, binary = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    inside = [name for name in archive.namelist() if name.endswith(".data/scripts/bcops")]
    same = len(inside) == 1 and archive.read(inside[0]) == open(binary, "rb").read()
sys.exit(0 if same else f"wheel: {wheel} holds another program than {binary}")
CHECK
mv "$wheel" "$folder/"
say "wrote $(basename "$wheel")"
