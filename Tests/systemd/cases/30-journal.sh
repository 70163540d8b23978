# The journal: fields to search by, explanations, and nothing about a patient.

n=$(number "$(uid 1)")
lines=$(x journalctl -q -o cat "CONTOUR_SERIES=$n")
is "the story of a series by its number" "*is arriving*is complete: 12 images*resample started*export finished*delivered*" "${lines//$'\n'/ }"
is "entries by stage" "*segment started*segment finished*" "$(x journalctl -q -o cat "CONTOUR_SERIES=$n" CONTOUR_STAGE=segment | tr '\n' ' ')"
is "a duration in milliseconds" "*\"DURATION_MS\":\"[0-9]*\"*" "$(x journalctl -q -o json "CONTOUR_SERIES=$n" "MESSAGE_ID=$(message_id stageFinished)" | tr '\n' ' ')"
is "the attempt" "*\"CONTOUR_ATTEMPT\":\"1\"*" "$(x journalctl -q -o json "CONTOUR_SERIES=$n" "MESSAGE_ID=$(message_id stageStarted)" | tr '\n' ' ')"
is "a fault by its code" "*[1-9]*" "$(x journalctl -q -o cat CONTOUR_FAULT=E_TRUNCATED | wc -l)"
is "priorities: notice for a delivery" "*\"PRIORITY\":\"[45]\"*" "$(x journalctl -q -o json "CONTOUR_SERIES=$n" "MESSAGE_ID=$(message_id delivered)" "MESSAGE_ID=$(message_id deliveredForReview)" | tr '\n' ' ')"
is "journalctl -x explains, with the series filled in" "*Subject: Series $n is complete*quiet time*contourctl retry $n*" "$(x journalctl -q -x "CONTOUR_SERIES=$n" "MESSAGE_ID=$(message_id seriesSealed)" | tr '\n' ' ')"
missing=
for message in $(sed -n 's/.*case [a-zA-Z]* = "\([0-9a-f]*\)".*/\1/p' "$root/Sources/Daemon/Journal/JournalEvent.swift"); do
    [[ $(x journalctl --list-catalog "$message" 2>&1) == "$message"* ]] || missing+=" $message"
done
is "every kind of entry is explained" "" "$missing"

x journalctl --sync
is "nothing but entries of these kinds" "" "$(x journalctl -q -o cat -u contourd _TRANSPORT=stdout + _TRANSPORT=syslog _SYSTEMD_UNIT=contourd.service)"
all=$(x journalctl -q -o export -u contourd | tr -d "\0")
for secret in Phantom^Thorax PHANTOM-1 Mustermann Doe_John moved_study "$(uid 1)" "$(uid 2)" 2.25. .dcm IM1; do
    if grep -qF -- "$secret" <<<"$all"; then bad "no $secret in the journal" "$(grep -F -- "$secret" <<<"$all" | head -n 3)"; else ok "no $secret in the journal"; fi
done
is "contourctl show does tell the path" "*Mustermann_Erika*" "$(x contourctl show --files "$n" | tr '\n' ' ')"
