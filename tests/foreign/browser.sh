#!/bin/sh
# Every built-in mail in headless Chromium, light and dark, wide and narrow: nothing is asked of the network, nothing runs over the edge,
# and axe-core finds nothing that keeps people from reading it. The pictures stay in PICTURES, where that names a folder.
# Prints "not run: chromium" and succeeds where a browser cannot be had. CHROMIUM names one, BROWSER_PYTHON an interpreter that has
# playwright and axe-playwright-python, TIDEGATE the program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=${BROWSER_PYTHON:-}
if [ -z "$python" ]; then
    if ! { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet playwright axe-playwright-python; } >"$folder/install.log" 2>&1; then
        echo "not run: chromium"
        exit 0
    fi
    python=$folder/venv/bin/python
fi
browser=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
# A browser of the system comes first; then the library's own; then the distribution's, where we may install it.
if [ -z "$browser" ] && ! timeout 300 "$python" -m playwright install chromium >"$folder/install.log" 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } >"$folder/install.log" 2>&1 || true
    fi
    browser=$(command -v chromium || true)
    if [ -z "$browser" ]; then
        echo "not run: chromium"
        exit 0
    fi
fi
program=${TIDEGATE:-"$here/../../target/debug/tidegate"}
TIDEGATE_NOTICES__VERIFY=https://intranet.contoso.com/mfa \
    "$program" -c "$here/../fixtures/broken-texts/plan.toml" notices preview --all "$folder/mails"
cp "$here"/../fixtures/letters/*-managers.html "$folder/mails/"
pictures=${PICTURES:-"$folder/pictures"}
mkdir -p "$pictures"
"$python" "$here/browser.py" "$folder/mails" "$pictures" "$browser"
