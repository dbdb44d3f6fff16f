#!/bin/sh
# Every built-in mail, read by the mail and HTML parsers of Python's standard library, which share no code with ours.
# Prints "not run: python3" and succeeds where there is none. TIDEGATE names the program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! command -v python3 >/dev/null; then
    echo "not run: python3"
    exit 0
fi
program=${TIDEGATE:-"$here/../../target/debug/tidegate"}
TIDEGATE_NOTICES__VERIFY=https://intranet.contoso.com/mfa \
    "$program" -c "$here/../fixtures/broken-texts/plan.toml" notices preview --all "$folder/mails"
python3 "$here/mail.py" "$folder/mails"
