# Stopped and killed in the middle of a stage: the work goes on, once.

# running STAGE SEED: drops a phantom and waits until its stage runs; leaves the series' number in $n.
running() {
    local stage=$1 name
    phantom "$2" 300 1.2 >/dev/null  # thin slices: its stages last longer than it takes to interrupt them
    name=$(uid "$2")
    xs "contourctl submit $(phantom "$2")/ct >/dev/null"
    for _ in {1..300}; do
        if xs "contourctl status | grep -q '$stage'"; then n=$(number "$name"); return 0; fi
        sleep 0.05
    done
    bad "phantom $2 reaches $stage"
    return 1
}
worker() { x pgrep -f '[c]ontourd --worker' -P "$(main_pid)" -n; }
attempt() { x journalctl -q -o json "CONTOUR_SERIES=$1" CONTOUR_STAGE=segment "MESSAGE_ID=$(message_id stageStarted)" | sed -n 's/.*"CONTOUR_ATTEMPT":"\([0-9]*\)".*/\1/p' | tr '\n' ' '; }
delivered_once() { # SEED
    eventually "delivered" 180 "test -e $outbox/$(uid "$1")/rtstruct.dcm"
    is "once" 1 "$(xs "ls -d $outbox/$(uid "$1")* | wc -l")"
}

echo "  stop in the middle of segment"
if running segment 11; then
    t=$(date +%s%N)
    x systemctl stop contourd
    is "the stop is quick and orderly" "success 0" "$(prop Result) $(prop ExecMainStatus)"
    printf '        stop took %d ms\n' $((($(date +%s%N) - t) / 1000000))
    is "the stage is given back" "*was stopped and given back*" "$(x journalctl -q -o cat "CONTOUR_SERIES=$n" "MESSAGE_ID=$(message_id stageGivenBack)")"
    is "no worker is left" "" "$(xs "pgrep -f '[c]ontourd --worker' || true")"
    x systemctl start contourd
    delivered_once 11
    is "the attempt did not count" "1 1 " "$(attempt "$n")"
fi

echo "  SIGKILL of the worker"
if running segment 12; then
    x kill -KILL "$(worker)"
    delivered_once 12
    is "the kill is counted, and told" "1 2 " "$(attempt "$n")"
    is "with its reason" "*was killed (signal 9)*" "$(x journalctl -q -o cat "CONTOUR_SERIES=$n" "MESSAGE_ID=$(message_id stageRetry)")"
fi

echo "  SIGKILL of the daemon"
if running segment 13; then
    restarts=$(prop NRestarts)
    old=$(main_pid)
    x kill -KILL "$old"
    eventually "systemd starts it again" 30 "[ \$(systemctl show contourd -P NRestarts) -gt $restarts ] && systemctl is-active contourd"
    is "its workers went with it" "" "$(xs "pgrep -f '[c]ontourd --worker' -P $old || true")"
    delivered_once 13
    was_told "the recovery is told" 5 1 recovered
fi

echo "  a stage that hangs"
if running segment 14; then
    x kill -STOP "$(worker)"
    was_told "is ended when it makes no progress" 25 1 stageRetry CONTOUR_FAULT=E_STALLED
    delivered_once 14
fi

echo "  watchdog"
xs "mkdir -p /etc/systemd/system/contourd.service.d; printf '[Service]\nWatchdogSec=3\n' >/etc/systemd/system/contourd.service.d/test.conf; systemctl daemon-reload; systemctl restart contourd"
restarts=$(prop NRestarts)
sleep 8
is "an idle service feeds it" "$restarts" "$(prop NRestarts)"
xs "contourctl submit $(phantom 15)/ct >/dev/null"
eventually "a busy one feeds it" 60 "test -e $outbox/$(uid 15)/rtstruct.dcm"
is "no alarm" "$restarts" "$(prop NRestarts)"
x kill -STOP "$(main_pid)"
eventually "one that hangs is started again" 30 "[ \$(systemctl show contourd -P NRestarts) -gt $restarts ] && systemctl is-active contourd"
is "by the watchdog" "*Watchdog timeout*" "$(x journalctl -q -o cat -u contourd -g 'Watchdog timeout' | tail -n 1)"
xs "rm -r /etc/systemd/system/contourd.service.d; systemctl daemon-reload; systemctl reset-failed contourd; systemctl restart contourd"
