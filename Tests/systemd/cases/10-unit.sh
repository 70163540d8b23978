# The unit: verified, confined, and started with the configuration as it is installed.

out=$(x systemd-analyze verify contourd.service 2>&1)
is "systemd-analyze verify has nothing to say" "" "$out"
out=$(x systemd-analyze security --no-pager --threshold=15 contourd 2>&1)
is "systemd-analyze security: exposure of at most 1.5" 0 $?
printf '        %s\n' "$(tail -n 1 <<<"$out")"

eventually "started with the boot, ready with the default configuration" 30 "systemctl is-active contourd"
is "it says what it does" "idle; 0 jobs waiting, 0 series arriving" "$(prop StatusText)"
pid=$(main_pid)
is "it runs as its own user" contourd "$(x ps -o user= -p "$pid")"
status=$(x cat "/proc/$pid/status")
is "system calls are filtered" "*Seccomp:?2*" "$status"
is "its one capability is to ask whether a file is open (CAP_LEASE)" "*CapEff:?0000000010000000*" "$status"
is "no network but an unused loopback" 1 "$(x nsenter -t "$pid" -n sh -c 'ls /sys/class/net 2>/dev/null | wc -l; true' | tail -n 1)"
fails "the system is read-only for it" 1 nsenter -t "$pid" -m sh -c 'touch /usr/probe 2>/dev/null'
fails "homes are out of its sight" 1 nsenter -t "$pid" -m sh -c 'test -e /home/alice/.profile'
is "the state folder is passed through, not listed" "711 contourd" "$(x stat -c '%a %U' /var/lib/contourd)"
is "the socket is for the group" "660 contourd contourd-users" "$(x stat -c '%a %U %G' /run/contourd/control.sock)"
holds "a member of the group may ask it" runuser -u alice -- contourctl status
fails "others may not" 77 runuser -u carol -- contourctl status
fails "others may not look into the outbox" 2 runuser -u carol -- ls /var/lib/contourd/outbox
holds "contourctl check finds nothing wrong" contourctl check
holds "nor does it for a member of the group, who cannot look into the folders" runuser -u alice -- contourctl check
fails "a user that is not there is a mistake" 78 contourctl check --user nobody-of-that-name

# Times for tests; everything else keeps its default.
xs "cat >/etc/contourd/contourd.toml" <<'TOML'
[inbox]
settle_seconds = 0.4
truncated_after_seconds = 3.0
[series]
quiet_seconds = 1.2
incomplete_after_seconds = 4.0
[outbox]
minimum_free_mb = 64
[work]
stall_seconds = 10.0
[retry]
first_delay_seconds = 0.5
TOML
# What the other cases return to.
xs "cp /etc/contourd/contourd.toml /root/good.toml"
holds "systemctl reload" systemctl reload contourd
was_told "the reload is in the journal" 5 1 reloaded
