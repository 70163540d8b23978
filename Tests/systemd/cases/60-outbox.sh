# An outbox on another file system that is too small, and one that is not there.

xs "mkdir -p /srv/out && mount -t tmpfs -o size=40m,mode=2770 out /srv/out && chown contourd:contourd-users /srv/out
    mkdir -p /etc/systemd/system/contourd.service.d
    printf '[Service]\nReadWritePaths=/srv/out\n' >/etc/systemd/system/contourd.service.d/outbox.conf
    printf '[folders]\noutbox = \"/srv/out\"\n' | cat - /root/good.toml >/etc/contourd/contourd.toml
    systemctl daemon-reload; systemctl restart contourd"
xs "contourctl submit $(phantom 21)/ct >/dev/null"
eventually "without space the queue is paused" 30 "contourctl status | grep -q 'PAUSED: E_NO_SPACE'"
was_told "and the journal says so" 5 1 queuePaused CONTOUR_FAULT=E_NO_SPACE
xs "mount -o remount,size=200m /srv/out; contourctl resume" >/dev/null
eventually "with space it goes on, and delivers across file systems" 60 "test -e /srv/out/$(uid 21)/rtstruct.dcm"
is "for the group to read" "770 contourd-users" "$(xs "stat -c '%a %G' /srv/out/$(uid 21) | sed 's/^2//'")"
is "nothing half is left there" "" "$(xs "find /srv/out -name '.contourd*'")"
