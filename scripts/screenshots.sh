#!/usr/bin/env bash
# Takes screenshots of every view of the page, in both themes and languages, at 360 and 1,280 pixels,
# into docs/page, and two for the README.
#
#   scripts/screenshots.sh [FOLDER]
#
# A test of the page takes them (linkrelay/tests/page/views.rs), of the same made-up videos each time;
# only what says when something happened differs. With pngquant they are a third as large.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

most_bytes=3000000
folder=${1:-docs/page}

say() { echo "screenshots: $*" >&2; }

# In a folder of its own first, so that a run that fails leaves the old ones.
fresh=$(mktemp -d) kept=$(mktemp -d)
trap 'rm -rf "$fresh" "$kept"' EXIT
cargo build --package linkrelay --bins --locked
CI=true LINKRELAY_PAGE_SCREENSHOTS=$fresh cargo test --package linkrelay --test page --locked -- \
  --exact views::every_view_fits_its_screen_in_both_languages

# The README shows these as they are.
cp "$fresh/submit-arriving-en-light-1280.png" "$fresh/library-cards-en-dark-1280.png" "$kept"
if command -v pngquant >/dev/null; then
  # Without dithering, which makes gradients rough and the files larger.
  pngquant --ext .png --force --strip --speed 3 --nofs 256 "$fresh"/*.png
else
  say "pngquant is missing, so the files are large"
fi
mv "$kept/submit-arriving-en-light-1280.png" "$fresh/readme-add.png"
mv "$kept/library-cards-en-dark-1280.png" "$fresh/readme-library.png"
bytes=$(cat "$fresh"/*.png | wc -c)
if ((bytes > most_bytes)); then
  say "$bytes bytes are more than the $most_bytes that may be kept"
  exit 1
fi
mkdir -p "$folder"
rm -f "$folder"/*.png
mv "$fresh"/*.png "$folder"
chmod 644 "$folder"/*.png
say "$(find "$folder" -name '*.png' | wc -l) screenshots with $bytes bytes in $folder"
