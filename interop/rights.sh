#!/usr/bin/env bash
# A server with rules, and what each peer sees of a refusal: ours, C's tools, pecl's module, Perl's and Python's libraries. None
# may hang, spin or lose what it is allowed.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$scratch/acl.toml" <<'TOML'
[[rule]]
name = "peers"
address = "127.0.0.0/8"
submit = ["open*"]
work = ["open*"]
observe = true
TOML
start_server ours --acl "$scratch/acl.toml" --verbose INFO

# asked WANTED NAME COMMAND...: what the command prints, and how it ends.
asked() {
    local wanted=$1 name=$2
    shift 2
    check "$name" "$wanted" "$(timeout 20 "$@" 2>&1; echo "status $?")"
}

# ticks PID: the processor time of a process, in hundredths of a second.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

for kind in ours C; do
    context="$kind tools: "
    to=(-h 127.0.0.1 -p "$port")
    text=$(timeout 20 "$(tool "$kind")" "${to[@]}" -f secret x 2>&1)
    status=$?
    # C's tool ends with 0 whatever the server answers to a submission.
    if [ "$kind" = ours ]; then check 'a job that is refused fails' 1 "$status"; fi
    check_that 'and why is shown' grep -q 'no right to submit secret' <<<"$text"
    background "$(tool "$kind")" "${to[@]}" -w -f "secret_$kind" -f "open_$kind" -- cat
    worker=$pid
    await has_workers "open_$kind" 1 || fail 'a worker keeps what it may have'
    check 'its job is done' data "$(timeout 20 "$(tool "$kind")" "${to[@]}" -f "open_$kind" data)"
    check 'the refused function is unknown' '0 0 0' "$(jobs_of "secret_$kind")"
    before=$(ticks "$worker")
    check 'one more' data "$(timeout 20 "$(tool "$kind")" "${to[@]}" -f "open_$kind" data)"
    check_that 'it does not spin' [ $(($(ticks "$worker") - before)) -lt 50 ]
    end "$worker"
done

context="gearadmin: "
denied='PERMISSION_DENIED no+right+to+admin'
for program in "$GEARADMIN" "$C_GEARADMIN"; do
    for change in --drop-function=open_x --create-function=open_x --cancel-job=H:x:1; do
        text=$(timeout 20 "$program" -h 127.0.0.1 -p "$port" "$change" 2>&1)
        check_that "$(basename "$(dirname "$program")") $change is refused" grep -q "$denied" <<<"$text"
    done
done
asked "$(printf 'listener\t127.0.0.1:%s\naddress\t127.0.0.1\nrule\t1 (peers)\nsubmit\topen*\nwork\topen*\nadmin\tno\nobserve\tyes\n.\nstatus 0' "$port")" \
    --whoami "$GEARADMIN" -h 127.0.0.1 -p "$port" --whoami
context=''

for kind in ours pecl; do
    context="$kind module: "
    add_up php_with "$kind" interop/rights.php "$port" "$kind"
done
context='Perl: '
add_up "$PEER_PERL" interop/rights.pl "$port"
if [ -n "$PEER_PYTHON" ]; then
    context='Python: '
    add_up "$PEER_PYTHON" interop/rights.py "$port"
fi
context=''
check_that 'the log says who was refused what' grep -qE 'INFO .* 127\.0\.0\.1:[0-9]+: refused: no right to .*; rule 1 \(peers\)' "$scratch/gearmand-$port.log"
finish
