#!/usr/bin/env bash
# The systemd unit: it loads without a complaint, and it is exposed by at most 1.5 of 10.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v systemd-analyze >/dev/null; then
    echo "not run: systemd-analyze"
    exit 0
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
units="$root/usr/lib/systemd/system"
mkdir -p "$units" "$root/usr/bin" "$root/bin"
# Any program will do in the place of ours: only its presence is looked at.
for program in usr/bin/tidegate bin/kill; do install -m 755 /bin/true "$root/$program"; done
cp systemd/tidegate.service "$units/"
for target in network-online time-sync multi-user sysinit basic shutdown -.slice system.slice; do
    source="/usr/lib/systemd/system/$target"
    [ -e "$source" ] || source="$source.target"
    [ ! -e "$source" ] || cp "$source" "$units/"
done

complaints=$(systemd-analyze verify --man=no --recursive-errors=no --root="$root" tidegate.service 2>&1) || {
    echo "$complaints"
    exit 1
}
if [ -n "$complaints" ]; then
    echo "$complaints"
    echo "systemd-analyze verify complains about systemd/tidegate.service"
    exit 1
fi

systemd-analyze security --offline=true --threshold=15 --no-pager "$units/tidegate.service" >"$root/security" || {
    cat "$root/security"
    exit 1
}
tail -n 1 "$root/security"

# What a lower score could hide, and what the socket and the restart rules depend on.
present() { grep -qxF "$1" systemd/tidegate.service || { echo "systemd/tidegate.service lacks: $1"; exit 1; }; }
present "Type=notify"
present "User=tidegate"
present "NoNewPrivileges=yes"
present "CapabilityBoundingSet="
present "ProtectSystem=strict"
present "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"
present "RestartPreventExitStatus=2 3 6 7"
if grep -q '^PrivateUsers=' systemd/tidegate.service; then
    echo "systemd/tidegate.service has PrivateUsers=: callers of the socket would all look like nobody"
    exit 1
fi

if command -v systemd-sysusers >/dev/null; then
    etc="$root/made/etc"
    mkdir -p "$etc"
    systemd-sysusers --root="$root/made" "$PWD/systemd/tidegate.sysusers" >/dev/null
    grep -q '^tidegate:' "$etc/passwd" && grep -q '^tidegate:' "$etc/group"
    mkdir -p "$root/made/etc/tidegate"
    if command -v systemd-tmpfiles >/dev/null; then
        systemd-tmpfiles --root="$root/made" --create "$PWD/systemd/tidegate.tmpfiles"
        [ "$(stat -c %a "$root/made/etc/tidegate")" = 750 ]
    fi
else
    echo "not run: systemd-sysusers"
fi
echo "the unit files are in order"
