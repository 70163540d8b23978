# Inbox and outbox in other folders of the same file system, as the guide has it: for the service they lie on a mount of
# their own.

xs "install -d -m 2770 -o contourd -g contourd-users /srv/ct/in /srv/ct/out
    setfacl -m u:contourd:rwx,d:u:contourd:rwx,d:g:contourd-users:rwx /srv/ct/in
    setfacl -m d:g:contourd-users:rwx /srv/ct/out
    mkdir -p /etc/systemd/system/contourd.service.d
    printf '[Unit]\nRequiresMountsFor=/srv/ct\n[Service]\nReadWritePaths=/srv/ct\n' >/etc/systemd/system/contourd.service.d/ct.conf
    printf '[folders]\ninbox = \"/srv/ct/in\"\noutbox = \"/srv/ct/out\"\n' | cat - /root/good.toml >/etc/contourd/contourd.toml
    systemctl daemon-reload"
is "check finds no obstacle" 0 "$(x contourctl check | grep -c '^BAD')"
xs "systemctl restart contourd"
holds "a CT is contoured there" runuser -u alice -- contourctl submit "$(phantom 23)/ct" --wait
holds "its result lies whole in that outbox" test -e "/srv/ct/out/$(uid 23)/rtstruct.dcm"
xs "runuser -u alice -- sh -c 'cd; mkdir -m 700 closed; cp $(phantom 24)/ct/* closed/; mv closed /srv/ct/in/'"
eventually "so does a notice for whom it cannot read" 60 "ls -d /srv/ct/out/files-*.refused/REFUSED.txt"
xs "rm -r /etc/systemd/system/contourd.service.d; cp /root/good.toml /etc/contourd/contourd.toml
    systemctl daemon-reload; systemctl restart contourd"
