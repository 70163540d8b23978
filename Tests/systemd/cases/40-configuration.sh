# Reload and start with a configuration that cannot be used.

before=$(told reloadFailed)
xs "sed -i 's/^quiet_seconds.*/quiet_seconds = \"soon\"/' /etc/contourd/contourd.toml"
fails "a reload with an invalid configuration fails" 1 systemctl reload contourd
was_told "an invalid configuration is not reloaded" 5 $((before + 1)) reloadFailed
is "it names file, line and key" "*/etc/contourd/contourd.toml:5: series.quiet_seconds*" "$(x journalctl -q -o cat "MESSAGE_ID=$(message_id reloadFailed)" | tail -n 1)"
is "once" 0 "$(x journalctl -q -o cat -u contourd _COMM=contourctl | wc -l)"
is "a person who asks is told" "*contourctl reload: the configuration was not reloaded*contourd.toml:5: series.quiet_seconds*" "$(xs "contourctl reload 2>&1")"
before=$((before + 1))
is "the service goes on" active "$(prop ActiveState)"
is "and may be asked all the same" "*contourd *is running*" "$(xs "contourctl status 2>&1")"
is "which says what is wrong with the file" "*contourd.toml:5: series.quiet_seconds*former configuration*" "$(xs "contourctl list 2>&1 >/dev/null" | tr '\n' ' ')"
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
is "a change that needs a restart is refused by reload" $((before + 2)) "$(xs "sed -i 's/^stall_seconds/workers = 2\nstall_seconds/' /etc/contourd/contourd.toml; systemctl reload contourd; cp /root/good.toml /etc/contourd/contourd.toml"; told reloadFailed)"

xs "sed -i 's/^quiet_seconds.*/quiet_seconds = 3/' /etc/contourd/contourd.toml"
is "a valid change that was not reloaded is told" "*is running, but its configuration file was changed since: systemctl reload contourd*" "$(x contourctl status)"
holds "which can be reloaded" systemctl reload contourd
is "until it is" "contourd * is running" "$(x contourctl status | head -n 1)"

xs "mkdir /home/alice/in; setfacl -m u:contourd:x /home/alice; setfacl -m u:contourd:rwx /home/alice/in; install -d -o contourd /srv/ct"
xs "{ printf '[folders]\ninbox = \"/home/alice/in\"\noutbox = \"/srv/ct\"\n'; cat /root/good.toml; } > /etc/contourd/elsewhere.toml"
fails "folders that the unit closes are mistakes" 78 contourctl check --config /etc/contourd/elsewhere.toml
told=$(x contourctl check --config /etc/contourd/elsewhere.toml)
is "one that it hides must be another" "*BAD *inbox in the unit: /home/alice/in: *ProtectHome*" "$told"
is "for one that is read-only there is a drop-in" "*BAD *outbox in the unit: /srv/ct: *ReadWritePaths=/srv/ct*" "$told"
xs "mkdir -p /etc/systemd/system/contourd.service.d; printf '[Service]\nReadWritePaths=/srv/ct\nBindPaths=/home/alice/in\n' > /etc/systemd/system/contourd.service.d/ct.conf; systemctl daemon-reload"
is "with it nothing stands in the way" 0 "$(x contourctl check --config /etc/contourd/elsewhere.toml | grep -c 'in the unit')"
xs "rm -r /etc/systemd/system/contourd.service.d; cp /root/good.toml /etc/contourd/contourd.toml; systemctl daemon-reload; systemctl reload contourd"
