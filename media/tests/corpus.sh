#!/usr/bin/env bash
# Runs the pictures that Pillow is tested with through ours: a thousand files, many of them damaged
# or made to do harm. Each must be decoded or refused by a process of its own, within bounds of
# memory and time; a panic, a crash or a file that takes too long fails the run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=13.0.0
sha256=cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510
memory=$((200 << 20))
seconds=30
# Fewer would mean that the good ones are refused too.
least_decoded=500

corpus="${CARGO_TARGET_DIR:-target}/corpus"
pictures="$corpus/pillow-$version/Tests/images"

# Only the source package holds the pictures. pip asks it for its metadata, but builds nothing; it
# compares the checksum before.
fetch() {
    local requirement="$corpus/requirement.txt"
    mkdir -p "$corpus"
    echo "pillow==$version --hash=sha256:$sha256" >"$requirement"
    if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --no-binary pillow --ignore-requires-python --require-hashes \
        --dest "$corpus" --requirement "$requirement"; then
        echo "cannot get the pictures: the source package of pillow $version from PyPI"
        return 1
    fi
    # Under another name until all of it is there.
    rm -rf "$corpus/unpacked"
    mkdir "$corpus/unpacked"
    tar -xzf "$corpus/pillow-$version.tar.gz" -C "$corpus/unpacked" "pillow-$version/Tests/images"
    mv "$corpus/unpacked/pillow-$version" "$corpus/"
    rm -rf "$corpus/unpacked" "$corpus/pillow-$version.tar.gz"
}

[[ -d $pictures ]] || fetch
# With the features of the whole workspace: so it is there already after its tests.
cargo build --quiet --workspace --example judge
judge="${CARGO_TARGET_DIR:-target}/debug/examples/judge"

# One line for each file that did neither.
judge_one() {
    local status=0
    prlimit --as="$memory" timeout --signal=KILL "$seconds" "$judge" "$1" 2>&1 || status=$?
    ((status == 0)) || echo "failed ($status): $1"
}
export -f judge_one
export judge memory seconds

results="$corpus/results.txt"
find "$pictures" -type f -print0 | sort -z |
    xargs -0 -n 1 -P "$(nproc)" bash -c 'judge_one "$1"' judge_one >"$results"

files=$(find "$pictures" -type f | wc -l)
decoded=$(grep -c '^decoded: ' "$results" || true)
refused=$(grep -c '^refused: ' "$results" || true)
failed=$(grep -c '^failed ' "$results" || true)
echo "$files files: $decoded decoded, $refused refused, $failed failed"
if ((failed > 0 || decoded + refused != files || decoded < least_decoded)); then
    grep -v -e '^decoded: ' -e '^refused: ' "$results" || true
    exit 1
fi
