#!/usr/bin/env bash
# What other rollout systems do wrong, put into this program: each test of such a trap must fail then, and pass without.
#
# tests/traps.patch puts all of them into a copy of this tree, each behind its name, and the tests are run with one name at a time.
# Where the patch does not apply any more, mend it: the code that keeps the program out of a trap has moved.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
copy=$root/target/traps

# The name in the patch, and how the name of its test begins.
traps='
finished-is-done          hawkbit_a_group_that_is_finished
exit-gates-unasked        hawkbit_a_group_that_is_finished
unreadable-gate-left-out  hawkbit_an_error_condition
going-on-starts           hawkbit_going_on_after_an_error
authors-approve           hawkbit_a_creator_who_may_approve
approvals-kept            hawkbit_a_creator_who_may_approve
order-of-creation         hawkbit_groups_in_the_order_of_creation
however-late              hawkbit_a_group_starts_however_late
soak-of-hours             argo_what_is_made_for_minutes
downtime-soaks            argo_time_in_which_nobody
exit-without-data         an_exit_gate_is_waited_for
exit-inconclusive         an_exit_gate_is_waited_for
errors-pass               argo_an_analysis_of_errors
unpause-lifts-abort       argo_promoting_pausing_and_aborting
verbs-always              argo_promoting_pausing_and_aborting
corrected-silently        flagger_a_setting_that_cannot_be
failures-add-up           so_many_of_the_latest_readings
upgrade-begins-anew       flagger_an_upgrade
revision-begins-anew      flagger_an_upgrade
no-row-is-nobody          zincati_what_cannot_be_listed
no-report-is-nobody       zincati_what_cannot_be_listed
suspension-fires          cronjob_ending_a_suspension
hundred-missed-runs       cronjob_after_many_missed_runs
gate-ends-hold            windows_update_a_tripped_rule
plan-ends-holds           windows_update_a_tripped_rule
pause-without-reason      windows_update_a_pause
pause-takes-hours         windows_update_a_pause
shorter-notice            gitlab_a_period_that_is_shortened
earlier-start             gitlab_a_period_that_is_shortened
grace-is-the-default      gitlab_a_period_ends_after_the_default
least-of-all-groups       gitlab_whoever_is_in_two_groups
'

rm -rf "$copy"
mkdir -p "$copy"
tar -C "$root" --exclude=./target --exclude=./.git -cf - . | tar -C "$copy" -xf -
cd "$copy"
# The copy is no part of the repository around it.
GIT_CEILING_DIRECTORIES=$root/target git apply --whitespace=nowarn tests/traps.patch
# By its version its build is another than that of the tree, whose folder it shares.
sed -i '/^name = "tidegate"$/{n;s/^version = "\(.*\)"$/version = "\1-traps"/}' Cargo.toml Cargo.lock
# Of this crate nothing is optimised, so that it is built in minutes; what it depends on is built for the tests already.
export CARGO_TARGET_DIR=$root/target CARGO_PROFILE_DEV_OPT_LEVEL=0
built=$(cargo test --locked --lib --no-run --message-format=json-render-diagnostics | grep -o '"executable":"[^"]*"' | cut -d'"' -f4)

# One test, found by how its name begins: "passed" or "failed". Anything else, such as no test or two, is neither.
result() {
    local name=$1 test=$2 said
    said=$(TRAP=$name timeout 300 "$built" "::$test" 2>&1 || true)
    case $said in
    *"test result: ok. 1 passed; 0 failed;"*) echo passed ;;
    *"test result: FAILED. 0 passed; 1 failed;"*) echo failed ;;
    *) printf 'neither:\n%s\n' "$said" ;;
    esac
}

wrong=0 count=0
while read -r name test; do
    [ -n "$name" ] || continue
    without=$(result "" "$test")
    with=$(result "$name" "$test")
    printf '%-26s %s: %s without, %s with\n' "$name" "$test" "$without" "$with"
    count=$((count + 1))
    [ "$without $with" = "passed failed" ] || wrong=$((wrong + 1))
done <<<"$traps"
names=$(grep -o 'crate::trap("[^"]*")' tests/traps.patch | sort -u | wc -l)
[ "$names" -eq "$count" ] || { echo "the patch has $names names, and $count are tried"; exit 1; }
echo "$count traps put in, $((count - wrong)) of them found by their tests"
[ "$wrong" -eq 0 ]
