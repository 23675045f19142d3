#!/usr/bin/env bash
# Upgrades linkrelay from its last release to this tree, and back, on real servers while links are
# posted, and counts what is lost, doubled and extracted again (testkit/src/bin/upgrade.rs). The
# last release is the newest commit that CHANGELOG.md names.
#
#   scripts/upgrade-test.sh [--links N] [--seconds N] [--seed N]
#
# The programs of the release are built once, from its own sources, and kept in
# target/upgrade/COMMIT; both builds are without optimisation and share what they depend on. Exit
# code 1 if a promise of docs/UPGRADING.md is broken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
programs=(linkrelay linkrelay-producer linkrelay-consumer)

say() { echo "upgrade-test: $*" >&2; }

# shellcheck disable=SC2016 # the backticks are those of the text
release=$(sed -n 's/^The commit `\([0-9a-f]\{40\}\)`.*/\1/p' CHANGELOG.md | head -n 1)
if ! git cat-file -e "$release^{commit}"; then
  say "CHANGELOG.md names no commit that is in this repository"
  exit 1
fi
folder=$target/upgrade/$release

# From an archive, so that no other checkout of this repository is touched.
build_release() {
  [[ ! -d $folder/bin ]] || return 0
  say "building the programs of $release"
  rm -rf "$folder"
  mkdir -p "$folder/source" "$folder/bin.part"
  git archive "$release" | tar -x -C "$folder/source"
  (cd "$folder/source" && CARGO_TARGET_DIR=$target cargo build --workspace --bins --locked)
  cp "${programs[@]/#/$target/debug/}" "$folder/bin.part"
  mv "$folder/bin.part" "$folder/bin"
}

build_release
# Also puts the programs of this tree back to where those of the release were.
cargo build --workspace --bins --locked
echo "old: $("$folder/bin/linkrelay" --version), commit $release"
echo "new: $("$target/debug/linkrelay" --version), commit $(git describe --always --dirty --abbrev=40 --exclude='*')"
"$target/debug/upgrade" --old "$folder/bin" --new "$target/debug" "$@"
