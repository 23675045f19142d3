#!/usr/bin/env bash
# Writes what the three programs are made of, in CycloneDX's format: target/sbom/PROGRAM.cdx.json.
# The crates of the default features on the image's platform, with licenses and checksums; not what
# only tests and builds use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/tools.sh cargo-cyclonedx
PATH=$(cd "${LINKRELAY_TOOLS:-target/tools}/cargo-cyclonedx/bin" && pwd):$PATH
programs=(linkrelay linkrelay-producer linkrelay-consumer)
out=${CARGO_TARGET_DIR:-target}/sbom
# It writes beside each manifest of the workspace, so it works on a copy.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git archive HEAD | tar -x -C "$copy"
(cd "$copy" && cargo cyclonedx --format json --spec-version 1.5 --no-build-deps \
  --target x86_64-unknown-linux-gnu --override-filename sbom)
mkdir -p "$out"
for program in "${programs[@]}"; do
  # Names of linkrelay's own crates have the folder in them, which is no other machine's.
  sed "s|file://$copy|file://.|g" "$copy/${program#linkrelay-}/sbom.json" >"$out/$program.cdx.json"
  python3 - "$out/$program.cdx.json" "$program" <<'PYTHON'
import json, sys
bom = json.load(open(sys.argv[1]))
assert bom["bomFormat"] == "CycloneDX", bom["bomFormat"]
assert bom["metadata"]["component"]["name"] == sys.argv[2], bom["metadata"]["component"]["name"]
ours = {"linkrelay-common", "linkrelay-store"}
names = {component["name"] for component in bom["components"]}
assert ours <= names, ours - names
print(f"{sys.argv[1]}: {len(bom['components'])} components")
PYTHON
done
