#!/bin/sh
# The calendar file of a notice, and the helpdesk's calendar where the program is built, read by a published parser that shares no code with ours.
# Prints "not run: icalendar" and succeeds where it cannot be installed. ICALENDAR names an interpreter that has it already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

python=${ICALENDAR:-}
if [ -z "$python" ]; then
    if ! { python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet icalendar; } >"$folder/install.log" 2>&1; then
        echo "not run: icalendar"
        exit 0
    fi
    python=$folder/venv/bin/python
fi
tidegate=${TIDEGATE:-$here/../../target/debug/tidegate}
if [ -x "$tidegate" ]; then
    "$tidegate" -c "$here/../../config/example-plan.toml" calendar --state-dir "$folder/none" --to "$folder/helpdesk.ics" >/dev/null
    set -- "$folder/helpdesk.ics"
fi
"$python" "$here/calendar_file.py" "$here/../fixtures/notice.ics" "$@"
