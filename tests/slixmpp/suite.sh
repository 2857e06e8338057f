#!/usr/bin/env bash
# Runs slixmpp's own integration tests against a server of ours. Which of them must fail, because we
# do not offer what they ask for, stands in docs/xmpp.md. Arguments are parts of names of tests; then
# only these are run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=1.17.0
sha256=05257ee0f2aecb42d6479f6071c89ad3c734fda0ee753eb4625ecdc6114d90b1

target="${CARGO_TARGET_DIR:-target}"
python="$target/slixmpp/bin/python"
package="$target/slixmpp/slixmpp-$version"

# Only the source package holds the tests. pip asks it for its metadata, but builds nothing; it
# compares the checksum before.
fetch() {
    local requirement="$target/slixmpp/requirement.txt"
    echo "slixmpp==$version --hash=sha256:$sha256" >"$requirement"
    if ! "$python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --no-binary slixmpp --require-hashes \
        --dest "$target/slixmpp" --requirement "$requirement"; then
        echo "cannot get the tests: the source package of slixmpp $version from PyPI"
        return 1
    fi
    # Under another name until all of it is there.
    rm -rf "$target/slixmpp/unpacked"
    mkdir "$target/slixmpp/unpacked"
    tar -xzf "$package.tar.gz" -C "$target/slixmpp/unpacked" "slixmpp-$version/itests"
    mv "$target/slixmpp/unpacked/slixmpp-$version" "$package"
    rm -rf "$target/slixmpp/unpacked" "$package.tar.gz"
}

if [[ ! -x $python ]]; then
    echo "slixmpp is missing: ./check, or python3 -m venv $target/slixmpp &&" \
        "$target/slixmpp/bin/pip install slixmpp==$version"
    exit 1
fi
[[ -d $package ]] || fetch
# As the tests of the house build it: so it is there already after them.
cargo build --quiet --package server --bin lianlian
program="$(realpath "$target/debug/lianlian")"
# Not slixmpp as it lies beside the tests, but as it is installed.
"$python" tests/slixmpp/suite.py "$program" "$package" docs/xmpp.md "$@"
