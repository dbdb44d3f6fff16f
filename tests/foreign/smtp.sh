#!/bin/sh
# Notices through a mail server that is not ours, on loopback, and read by the mail parser of Python's standard library.
# Prints "not run: aiosmtpd" and succeeds where the server cannot be installed. AIOSMTPD names an interpreter that has it already.
# TENANT is the program that serves the tenant and sends the notices.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT

python=${AIOSMTPD:-}
if [ -z "$python" ]; then
    if ! { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet aiosmtpd; } >"$folder/install.log" 2>&1; then
        echo "not run: aiosmtpd"
        exit 0
    fi
    python=$folder/venv/bin/python
fi

tenant=${TENANT:-"$here/../../target/debug/tidegate"}
"$tenant" simulate-tenant --listen 127.0.0.1:0 --users 60 --seed 7 --folder "$folder" >"$folder/said" &
server=$!
for _ in $(seq 100); do
    grep -q '^plan: ' "$folder/said" && break
    sleep 0.1
done
"$python" -W ignore "$here/smtp.py" "$tenant" "$folder/plan.toml"
