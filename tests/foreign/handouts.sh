#!/bin/sh
# Letters, poster and intranet page, rendered in headless Chromium and checked by axe-core, which share no code with ours.
# Prints "not run: chromium" and succeeds where they cannot be installed. PLAYWRIGHT names an interpreter that has playwright and
# axe-playwright-python already. HANDOUTS is a folder of HTML files; without it those that the program's example holds are made.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=${PLAYWRIGHT:-}
if [ -z "$python" ]; then
    if ! { python3 -m venv "$folder/venv" \
        && "$folder/venv/bin/pip" install --quiet playwright axe-playwright-python; } >"$folder/install.log" 2>&1; then
        echo "not run: chromium"
        exit 0
    fi
    # A browser that is there already serves as well.
    "$folder/venv/bin/playwright" install chromium >"$folder/install.log" 2>&1 || true
    python=$folder/venv/bin/python
fi
html=${HANDOUTS:-}
if [ -z "$html" ]; then
    html=$folder/html
    mkdir "$html"
    tidegate=${TIDEGATE:-$here/../../target/debug/tidegate}
    for language in en de; do
        for sheet in poster page; do
            "$tidegate" -c "$here/../../config/example-plan.toml" "$sheet" --state-dir "$folder/none" --language "$language" \
                --to "$html/$sheet.$language.html" >/dev/null
        done
    done
fi
"$python" "$here/handouts.py" "$html" "${SHOTS:-}"
