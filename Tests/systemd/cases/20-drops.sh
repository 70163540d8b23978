# People drop CTs: with umask 022 and 077, copied and moved, nested, among other files. What they may not be relieved
# of is refused with words that say what to change. Folder names are those of patients.


as() { local user=$1 mask=$2; shift 2; x runuser -u "$user" -- sh -c "umask $mask; $1"; }

first=$(phantom 1) second=$(phantom 2) third=$(phantom 3) fourth=$(phantom 4)

# alice copies a tree as it is: folders of mode 755, into which contourd may not write.
as alice 022 "mkdir -p $inbox/Mustermann_Erika/2024/CT && cp -r $first/ct $inbox/Mustermann_Erika/2024/CT/"
# bob makes his own folders with umask 077, and files without an ending; junk lies beside them.
as bob 077 "mkdir -p $inbox/Doe_John/a/b/c && i=0 && for f in $second/ct/*; do i=\$((i+1)); cp \$f $inbox/Doe_John/a/b/c/IM\$i; done
    echo notes >$inbox/Doe_John/notes.txt; : >$inbox/Doe_John/Thumbs.db; echo x >$inbox/Doe_John/a/.hidden
    cp $first/ct/* $inbox/Doe_John/a/.hidden2 2>/dev/null; ln -s /etc/passwd $inbox/Doe_John/link; mkfifo $inbox/Doe_John/pipe
    head -c 5000 \$(ls $third/ct/* | head -n 1) >$inbox/Doe_John/cut.dcm"
# bob moves files with umask 077 out of his home: nothing of the inbox's access comes with them.
as bob 077 "mkdir -p ~/moved && cat $third/ct/* >/dev/null && for f in $third/ct/*; do cp \$f ~/moved/; chmod 600 ~/moved/*; done
    mv ~/moved $inbox/moved_study"
# alice moves files with umask 022.
as alice 022 "mkdir -p ~/ct && cp $fourth/ct/* ~/ct/ && mkdir -p $inbox/loose && mv ~/ct/* $inbox/loose/"

for seed in 1 2 4; do
    eventually "phantom $seed is delivered" 60 "test -e $outbox/$(uid $seed)/rtstruct.dcm" || true
done
is "what could not be removed stays, and was contoured" 12 "$(xs "find $inbox/Mustermann_Erika -type f | wc -l")"
was_told "it says that these files may be removed" 5 1 fileLeftBehind
is "bob's files were taken out of his folders" 0 "$(xs "find $inbox/Doe_John -name 'IM*' | wc -l")"
is "alice's moved files were taken" 0 "$(xs "find $inbox/loose -type f | wc -l")"
is "junk, links and pipes stay where they are" 5 "$(xs "ls -d $inbox/Doe_John/notes.txt $inbox/Doe_John/Thumbs.db $inbox/Doe_John/a/.hidden $inbox/Doe_John/link $inbox/Doe_John/pipe | wc -l")"
eventually "a file that ends too early goes to quarantine" 10 "test -n \"\$(ls /var/lib/contourd/quarantine)\""
eventually "moved files of mode 600 are refused with what to change" 5 "journalctl -q -o cat MESSAGE_ID=$(message_id fileUnreadable) | grep -q 'setfacl -R -m u:contourd:rwX'"
eventually "the outbox tells it where bob looks" 10 "runuser -u bob -- grep -q setfacl $outbox/files-*.refused/REFUSED.txt"
is "contourctl show files names them" "*moved_study*" "$(x contourctl show files | tr '\n' ' ')"
as bob 077 "setfacl -R -m u:contourd:rwX $inbox/moved_study"
eventually "after that they are taken and contoured" 60 "test -e $outbox/$(uid 3)/rtstruct.dcm"

# The last slice may not be read, and no header tells that there is one more.
ninth=$(phantom 9)
dcmodify -nb -q -ea "(0020,1002)" "$work/phantom-9/ct/"*
as bob 077 "mkdir -p $inbox/ends && ls $ninth/ct/* | head -n 11 | xargs -I{} cp {} $inbox/ends/
    cp \$(ls $ninth/ct/* | tail -n 1) ~/last && chmod 600 ~/last && mv ~/last $inbox/ends/last"
eventually "a last slice that may not be read is waited for" 20 "contourctl show $(uid 9) | grep -q 'to be readable'"
is "nothing is delivered without it" 0 "$(xs "ls -d $outbox/$(uid 9)* 2>/dev/null | wc -l")"
as bob 077 "setfacl -m u:contourd:rw $inbox/ends/last"
eventually "once it may, the scan is contoured" 60 "test -e $outbox/$(uid 9)/rtstruct.dcm"
is "with that slice" 1 "$(xs "grep -c '\"images\" *: *12,' $outbox/$(uid 9)/report.json")"

for user in alice bob; do
    fails "$user reads every file of a result" 0 runuser -u $user -- sh -c "cat $outbox/$(uid 2)/* >/dev/null"
done
as bob 077 "mv $outbox/$(uid 2) ~/result"
is "a result can be moved away" 1 "$(xs "ls -d /home/bob/result/rtstruct.dcm | wc -l")"
is "a result is whole" "*.nii.gz*report.html*report.json*rtstruct.dcm*seg.dcm*" "$(xs "ls -x /home/bob/result" | tr '\n' ' ')"

# A consumer that takes results the moment they appear.
xs "mkdir -p /home/bob/taken; chown bob /home/bob/taken"
x runuser -u bob -- sh -c "while [ ! -e ~/stop ]; do for d in $outbox/2.25.*; do [ -d \"\$d\" ] && mv -n \"\$d\" ~/taken/\$(date +%s%N); done; sleep 0.02; done" >/dev/null 2>&1 &
sleep 0.3
before=$(xs "ls /home/bob/taken | wc -l")
xs "for n in 5 6; do :; done"
for seed in 5 6; do as alice 022 "contourctl submit $(phantom $seed)/ct" >/dev/null; done
eventually "two more are delivered to a consumer in a hurry" 60 "[ \$(ls /home/bob/taken | wc -l) -ge $((before + 2)) ]"
x systemctl restart contourd
sleep 1.5
is "each exactly once, also after a restart" $((before + 2)) "$(xs "ls /home/bob/taken | wc -l")"
xs "touch /home/bob/stop"
wait $!
is "submitted folders are gone when they are empty" 0 "$(xs "ls -d $inbox/submit-* 2>/dev/null | wc -l")"

# A file that alice's program had opened before the service started, and that can be read to its end already.
x systemctl stop contourd
fifth=$(phantom 8)
as alice 022 "mkdir $inbox/slow && cp $fifth/ct/* $inbox/slow/"
x runuser -u alice -- sh -c "f=\$(ls $inbox/slow/* | head -n 1); exec 3>>\$f; touch ~/opened; until [ -e ~/close ]; do sleep 0.1; done" &
writer=$!
eventually "alice's program has a file open" 10 "test -e /home/alice/opened"
x systemctl start contourd
eventually "the others are taken" 20 "[ \$(ls $inbox/slow | wc -l) = 1 ]"
sleep 1.5
is "the open one is not, though nobody writes" 1 "$(xs "ls $inbox/slow | wc -l")"
worker=$(xs "pgrep -x contourd-worker | head -n 1")
is "the worker that reads files has no capability" "*CapPrm:?0000000000000000*CapEff:?0000000000000000*" "$(x cat "/proc/$worker/status")"
xs "touch /home/alice/close"
wait "$writer"
eventually "closed, it is taken, and all are contoured" 60 "test -e $outbox/$(uid 8)/rtstruct.dcm"
