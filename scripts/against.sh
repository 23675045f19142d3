#!/usr/bin/env bash
# Shows that tests can fail: puts the black-box tests of this tree (linkrelay/tests, fake-youtube,
# testkit, and the dev-dependencies that they need) on an older commit, builds the programs and the
# tests there, and runs those that a table names.
#
#   scripts/against.sh COMMIT [CASE…]    the rows of these cases, or all
#
# The table is scripts/against.txt, a row for each test: `case | test name`. Printed is for each row
# what failed there: the first line of the first panic. PASSED THERE, DID NOT COMPILE and NO SUCH
# TEST are in capitals: with one of them the exit code is 1.
set -euo pipefail

workspace=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
table=$workspace/scripts/against.txt
folder=${CARGO_TARGET_DIR:-$workspace/target}/against
export LINKRELAY_TOOLS=${LINKRELAY_TOOLS:-$workspace/target/tools}
# A test that hangs there has also failed.
test_limit=600

(($# > 0)) || {
  echo "usage: scripts/against.sh COMMIT [CASE…]" >&2
  exit 2
}
commit=$(git -C "$workspace" rev-parse --short "$1^{commit}")
cases=("${@:2}")
tree=$folder/$commit
export CARGO_TARGET_DIR=$folder/target

say() { echo "against: $*" >&2; }

remove_tree() { git -C "$workspace" worktree remove --force "$tree" 2>/dev/null || rm -rf "$tree"; }

# The lines of a section of a Cargo.toml, without its head.
section() { awk -v head="[$2]" '/^\[/ { is_in = ($0 == head); next } is_in' "$1"; }

# Replaces a section of $1 by standard input.
replace_section() {
  local lines
  lines=$(cat)
  LINES=$lines awk -v head="[$2]" '
    /^\[/ { is_in = ($0 == head) }
    is_in && $0 == head { print; print ENVIRON["LINES"]; print ""; next }
    !is_in' "$1" >"$1.new"
  mv "$1.new" "$1"
}

# Versions and features stay those of the older commit: only what it lacks is added.
add_dependencies() {
  local theirs=$tree/Cargo.toml section=workspace.dependencies
  {
    section "$theirs" "$section" | grep -v '^$'
    section "$workspace/Cargo.toml" "$section" | awk -v theirs="$(section "$theirs" "$section" | sed -n 's/^\([A-Za-z0-9_-]*\) *=.*/\1/p' | tr '\n' ' ')" '
      BEGIN { split(theirs, names, " "); for (i in names) known[names[i]] = 1 }
      /^[A-Za-z0-9_-]+ *=/ { name = $1; sub(/=.*/, "", name); is_new = !(name in known) }
      is_new && NF'
  } >"$folder/dependencies"
  replace_section "$theirs" "$section" <"$folder/dependencies"
  {
    # The command depends on it since `--demo` has a crate of its own.
    grep -q '^linkrelay-fake-youtube' "$tree/linkrelay/Cargo.toml" ||
      echo 'linkrelay-fake-youtube.workspace = true'
    section "$workspace/linkrelay/Cargo.toml" dev-dependencies
  } >"$folder/dependencies"
  replace_section "$tree/linkrelay/Cargo.toml" dev-dependencies <"$folder/dependencies"
}

make_tree() {
  local part
  mkdir -p "$folder"
  git -C "$workspace" worktree prune
  git -C "$workspace" worktree add --quiet --detach --force "$tree" "$commit"
  for part in linkrelay/tests fake-youtube testkit; do
    rm -rf "${tree:?}/$part"
    cp -r "$workspace/$part" "$tree/$part"
  done
  # Older programs find the fake YouTube of `--demo` in the testkit.
  echo 'pub use linkrelay_fake_youtube as youtube;' >>"$tree/testkit/src/lib.rs"
  add_dependencies
}

# Builds, and lists the test binaries in `binaries`; 1 if it does not compile.
build() {
  local log=$folder/build.log
  say "building $commit with the tests of this tree"
  cd "$tree"
  if ! {
    cargo build -p linkrelay -p linkrelay-producer -p linkrelay-consumer --bins &&
      cargo test -p linkrelay -p linkrelay-fake-youtube -p linkrelay-testkit --test '*' --no-run
  } >"$log" 2>&1; then
    grep -E '^error' -A 6 "$log" | head -n 40 >&2
    return 1
  fi
  mapfile -t binaries < <(sed -n 's/^ *Executable .*(\(.*\))$/\1/p' "$log")
}

# Sets `binary` and `name` for the test whose full name ends in $1.
find_test() {
  for binary in "${binaries[@]}"; do
    name=$("$binary" --list --format terse 2>/dev/null | sed -n 's/: test$//p' |
      grep -E "(^|::)$1\$" | head -n 1) || continue
    [[ -z $name ]] || return 0
  done
  return 1
}

# The verdict on one test; 1 if it is not the failure of an assertion.
judge() {
  local log=$folder/test.log code=0 binary name
  find_test "$1" || {
    echo "NO SUCH TEST"
    return 1
  }
  (cd "$tree/linkrelay" && RUST_BACKTRACE=0 timeout "$test_limit" "$binary" --exact "$name" --nocapture) >"$log" 2>&1 || code=$?
  if ((code == 0)); then
    echo "PASSED THERE"
    return 1
  fi
  # thread 'a::name' (12) panicked at linkrelay/tests/relay/a.rs:1:2:
  # the message
  awk '/panicked at / { sub(/.*panicked at /, ""); place = $0; getline; print place " " substr($0, 1, 220); found = 1; exit }
    END { if (!found) print "it did not end in time" }' "$log"
}

wanted() {
  local case
  ((${#cases[@]} > 0)) || return 0
  for case in "${cases[@]}"; do
    [[ $case != "$1" ]] || return 0
  done
  return 1
}

main() {
  local case test verdict bad=0 compiles=yes binaries=()
  trap remove_tree EXIT
  # Without its servers every test would fail.
  "$workspace/scripts/tools.sh"
  remove_tree
  make_tree
  build || compiles=no
  while IFS='|' read -r case test; do
    case=${case//[[:space:]]/} test=${test//[[:space:]]/}
    if [[ -z $test || $case == \#* ]] || ! wanted "$case"; then
      continue
    fi
    if [[ $compiles == no ]]; then
      verdict='DID NOT COMPILE'
      bad=$((bad + 1))
    else
      verdict=$(judge "$test") || bad=$((bad + 1))
    fi
    echo "$case | $test | $verdict"
  done <"$table"
  ((bad == 0))
}

main
