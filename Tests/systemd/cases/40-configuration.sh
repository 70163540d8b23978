# Reload and start with a configuration that cannot be used.

xs "cp /etc/contourd/contourd.toml /root/good.toml"
before=$(told reloadFailed)
xs "sed -i 's/^quiet_seconds.*/quiet_seconds = \"soon\"/' /etc/contourd/contourd.toml; systemctl reload contourd"
was_told "an invalid configuration is not reloaded" 5 $((before + 1)) reloadFailed
is "it names file, line and key" "*/etc/contourd/contourd.toml:5: series.quiet_seconds*" "$(x journalctl -q -o cat "MESSAGE_ID=$(message_id reloadFailed)" | tail -n 1)"
is "the service goes on" active "$(prop ActiveState)"
xs "mkdir $inbox/seven; cp $(phantom 7)/ct/* $inbox/seven/"
eventually "with the configuration that it had" 60 "test -e $outbox/$(uid 7)/rtstruct.dcm"

x systemctl stop contourd
fails "it does not start with it" 1 systemctl start contourd
is "and ends with EX_CONFIG" 78 "$(prop ExecMainStatus)"
sleep 6
is "nobody restarts what needs a person" "failed 0" "$(prop ActiveState) $(prop NRestarts)"
is "the journal says where" "*contourd.toml:5: series.quiet_seconds*" "$(x journalctl -q -o cat -u contourd -n 20 | tr '\n' ' ')"
xs "cp /root/good.toml /etc/contourd/contourd.toml; systemctl reset-failed contourd"
holds "corrected, it starts" systemctl start contourd
is "a change that needs a restart is refused by reload" $((before + 2)) "$(xs "sed -i 's/^stall_seconds/workers = 2\nstall_seconds/' /etc/contourd/contourd.toml; systemctl reload contourd; sleep 0.5; cp /root/good.toml /etc/contourd/contourd.toml"; told reloadFailed)"
