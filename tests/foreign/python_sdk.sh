#!/bin/sh
# The published Graph SDK and identity library of Python against a simulated tenant over HTTPS.
# Prints "not run: python-sdk" and succeeds where they cannot be installed.
# PYTHON_SDK names an interpreter that has them already. TENANT is the program that serves the tenant.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT

python=${PYTHON_SDK:-}
if [ -z "$python" ]; then
    if ! { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet msgraph-sdk azure-identity deprecated; } >"$folder/install.log" 2>&1; then
        echo "not run: python-sdk"
        exit 0
    fi
    python=$folder/venv/bin/python
fi

tenant=${TENANT:-"$here/../../target/debug/tidegate"}
"$tenant" simulate-tenant --tls --listen 127.0.0.1:0 --users 250 --seed 7 --folder "$folder" >"$folder/said" &
server=$!
for _ in $(seq 100); do
    [ -s "$folder/simulated-tenant.pem" ] && grep -q '^plan: ' "$folder/said" && break
    sleep 0.1
done
address=$(sed -n 's#^simulated tenant at https://\([^,]*\),.*#\1#p' "$folder/said")
"$python" "$here/python_sdk.py" "$address" "$folder/simulated-tenant.pem"
