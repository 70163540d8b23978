# An inbox on a file system of its own that goes and comes back under the running service, which has its own mount namespace.

for_users="install -d -m 2770 -o contourd -g contourd-users /srv/share
    setfacl -m u:contourd:rwx,d:u:contourd:rwx,d:g:contourd-users:rwx /srv/share"
xs "$for_users"
xs "mount -t tmpfs -o size=64m share /srv/share; $for_users
    mkdir -p /etc/systemd/system/contourd.service.d
    printf '[Unit]\nRequiresMountsFor=/srv/share\n[Service]\nReadWritePaths=/srv/share\n' >/etc/systemd/system/contourd.service.d/share.conf
    printf '[folders]\ninbox = \"/srv/share\"\n' | cat - /root/good.toml >/etc/contourd/contourd.toml
    systemctl daemon-reload; systemctl restart contourd"
holds "a CT is contoured from an inbox on a mount of its own" \
    runuser -u alice -- contourctl submit "$(phantom 25)/ct" --wait

xs "umount -l /srv/share"
was_told "that it is unmounted is told" 30 1 intakeTrouble CONTOUR_FAULT=E_INBOX
xs "runuser -u alice -- cp $(phantom 26)/ct/* /srv/share/"
sleep 3
is "what is put below its mount point is not taken" 12 "$(xs "ls /srv/share | wc -l")"
xs "mount -t tmpfs -o size=64m share /srv/share; $for_users; runuser -u alice -- cp $(phantom 27)/ct/* /srv/share/"
eventually "when it is mounted again, contourd goes on" 60 "test -e $outbox/$(uid 27)/rtstruct.dcm"
xs "rm -r /etc/systemd/system/contourd.service.d; cp /root/good.toml /etc/contourd/contourd.toml
    systemctl daemon-reload; systemctl restart contourd; umount /srv/share"
is "below the mount point nothing was touched" 12 "$(xs "ls /srv/share | wc -l; rm -r /srv/share")"
