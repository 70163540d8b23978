# What the cases share: the box, checks, and waiting. Sourced by run.sh.

passed=0 failed=0 skipped=0
box=$here/systemd-box.sh
inbox=/var/lib/contourd/inbox outbox=/var/lib/contourd/outbox

x() { "$box" exec "$@"; }
xs() { "$box" exec sh -c "$1"; }

ok() { passed=$((passed + 1)); printf '  ok    %s\n' "$1"; }
bad() { failed=$((failed + 1)); printf '  FAIL  %s\n' "$1"; [[ -z ${2:-} ]] || printf '        %s\n' "${2//$'\n'/$'\n'        }"; }
skip() { skipped=$((skipped + 1)); printf 'SKIPPED %s: %s\n' "$1" "$2"; }

# is NAME EXPECTED ACTUAL: EXPECTED is a pattern of the shell.
is() { if [[ $3 == $2 ]]; then ok "$1"; else bad "$1" "expected <$2>, got <$3>"; fi; }
# holds NAME COMMAND...: the command succeeds in the box.
holds() { local name=$1 out; shift; if out=$(x "$@" 2>&1); then ok "$name"; else bad "$name" "$out"; fi; }
# fails NAME STATUS COMMAND...: the command ends with this status in the box.
fails() {
    local name=$1 status=$2 out rc=0
    shift 2
    out=$(x "$@" 2>&1) || rc=$?
    if ((rc == status)); then ok "$name"; else bad "$name" "status $rc instead of $status: $out"; fi
}

# eventually NAME SECONDS COMMAND: until the shell command succeeds in the box.
eventually() {
    local name=$1 end=$((SECONDS + $2)) command=$3
    while ! xs "$command" >/dev/null 2>&1; do
        if ((SECONDS >= end)); then
            bad "$name" "not within $2 s: $command"
            x journalctl -u contourd -n 30 -o cat --no-pager | sed 's/^/        | /'
            return 1
        fi
        sleep 0.1
    done
    ok "$name"
}

prop() { x systemctl show contourd -P "$1"; }
main_pid() { prop MainPID; }

# message_id NAME: the MESSAGE_ID of a JournalEvent, from the source that defines it.
message_id() { sed -n "s/.*case $1 = \"\([0-9a-f]*\)\".*/\1/p" "$root/Sources/Daemon/Journal/JournalEvent.swift"; }
# told EVENT [FIELD=VALUE...]: how many journal entries of this kind there are since the box was booted.
told() {
    local event=$1
    shift
    x journalctl -o cat --no-pager -q "MESSAGE_ID=$(message_id "$event")" "$@" | wc -l
}
# was_told NAME SECONDS COUNT EVENT [FIELD=VALUE...]: so many entries appear.
was_told() {
    local name=$1 seconds=$2 count=$3 have
    local end=$((SECONDS + seconds))
    shift 3
    until have=$(told "$@") && ((have >= count)); do
        if ((SECONDS >= end)); then bad "$name" "$have entries of $*, expected $count"; return 1; fi
        sleep 0.1
    done
    ok "$name"
}

# phantom SEED [SLICES MM]: makes the little CT of this seed once; prints its folder, as the box sees it.
phantom() {
    local folder=$work/phantom-$1
    [[ -d $folder ]] || "$CONTOURD_BIN/contourctl" phantom --output "$folder" --seed "$1" --columns 96 --rows 96 \
        --spacing 4.5 4.5 "${3:-10}" --slices "${2:-12}" >/dev/null || return 1
    echo "/mnt/phantoms/phantom-$1"
}
# uid SEED: its Series Instance UID.
uid() {
    phantom "$1" >/dev/null
    set -- "$work/phantom-$1/ct/"*
    dcmdump +P 0020,000e "$1" | sed -n 's/.*\[\([0-9.]*\)\].*/\1/p'
}
# number UID: the series' number in the queue.
number() { xs "contourctl show --json $1" | sed -n 's/^ *"number" *: *\([0-9]*\).*/\1/p' | tail -n 1; }
