#!/usr/bin/env bash
# contourd under a real systemd and journald: installed by `make install`, started by its unit in its sandbox, used by
# people with different umasks, reloaded, stopped in the middle, killed. Ends with `N passed, N failed, N skipped`.
#
#   CONTOURD_BIN     folder of contourd and contourctl     [swift build -c release --show-bin-path]
#   CONTOURD_MODELS  folder of model packages, when the project has none in Sources/Models
#   CONTOURD_CASES   run only the cases whose names match; 10 prepares the others  [*]
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
. "$here/lib.sh"

leave() { # REASON: nothing of this can be tested here
    skip "tests under systemd" "$1"
    echo "$passed passed, $failed failed, $skipped skipped"
    exit 0
}

[[ $(id -u) == 0 ]] || leave "they need root"
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || leave "this kernel has no overlay file system"
[[ -x /usr/lib/systemd/systemd || -x /lib/systemd/systemd ]] || leave "systemd is not installed"
for tool in unshare nsenter dcmdump setfacl make; do
    command -v "$tool" >/dev/null || leave "$tool is missing"
done
: "${CONTOURD_BIN:=$(cd "$root" && swift build -c release --show-bin-path)}"
[[ -x $CONTOURD_BIN/contourd && -x $CONTOURD_BIN/contourctl ]] || leave "contourd is not built in $CONTOURD_BIN"
models=$root/Sources/Models
[[ -e $models/lungs/model.json ]] || models=${CONTOURD_MODELS:-}
[[ -e $models/lungs/model.json ]] || leave "there is no model in Sources/Models; name a folder in CONTOURD_MODELS"

base=$(mktemp -d)
export SDBOX_NAME=contourd-test-$$ CONTOURD_BIN
finish() {
    local pid
    for pid in $(jobs -p); do kill "$pid" 2>/dev/null; done
    "$box" down >/dev/null 2>&1
    rm -rf "$base"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir "$base/stage" "$base/phantoms"
make -s -C "$root" install DESTDIR="$base/stage" PREFIX=/usr BIN="$CONTOURD_BIN" MODELS="$models" >"$base/install.log" 2>&1 ||
    { bad "make install" "$(cat "$base/install.log")"; echo "$passed passed, $failed failed, $skipped skipped"; exit 1; }
ok "make install"

# The toolchain is closed to everybody but root: what is installed must not need it.
toolchain=$(ldd "$CONTOURD_BIN/contourd" | sed -n 's|.* => \(.*\)/linux/libswiftCore.so .*|\1|p')
export SDBOX_BIND="$base/stage:/mnt/stage:ro $base/phantoms:/mnt/phantoms:ro"
export SDBOX_PREPARE="cp -a --no-preserve=ownership /mnt/stage/. /
    if [ -n '$toolchain' ]; then chmod 700 '$toolchain'; fi
    systemd-sysusers contourd.conf
    for user in alice bob; do useradd --create-home --groups contourd-users \$user; done
    useradd --create-home carol
    systemd-tmpfiles --create contourd.conf
    journalctl --update-catalog
    systemctl enable contourd"

work=$base/phantoms
phantom 1 >/dev/null || { bad "contourctl phantom"; exit 1; }
"$box" up 2>"$base/box.log" || { cat "$base/box.log"; leave "the box does not boot: no namespaces or cgroups here"; }

for case in "$here"/cases/${CONTOURD_CASES:-*}.sh; do
    printf '%s (%d s)\n' "$(basename "$case" .sh)" "$SECONDS"
    . "$case"
done
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
