#!/usr/bin/env bash
# Policies of functions, obeyed by workers that know nothing of them: Perl's and Python's libraries, pecl's module, C's tool, and ours.
# A job that fails is tried again after its pauses, is a dead letter then, is tried again because an operator wants it so, and succeeds.
# Of Perl's workers no more run at once than the policy says.
# shellcheck source=interop/lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$scratch/policies.toml" <<'TOML'
[function."*"]
retries = 2
backoff = "1s"
keep-results = "100,1h"

[function.few]
retries = 0
TOML
start_server ours --policy-file "$scratch/policies.toml"
mkdir "$scratch/jobs"

# our ARGUMENT...: gearadmin on this server.
our() { timeout 20 "$GEARADMIN" -h 127.0.0.1 -p "$port" "$@"; }
# a_letter FUNCTION: what is listed of its only dead letter: tries, reason, text.
a_letter() { our --dead "$1" | awk -F '\t' 'NF > 1 { print $4, $7, $10 }'; }
has_letter() { [ -n "$(a_letter "$1")" ]; }
# pauses FILE: the milliseconds from each line to the next are a second or more, and more than none.
pauses() { awk 'NR > 1 && $1 - last < 1000 { bad = 1; print "a pause of " $1 - last " ms" } { last = $1 } END { exit bad || NR < 3 }' "$1"; }

background "$PEER_PERL" interop/policies.pl "$port" "$scratch/jobs"
background php_with pecl interop/policies.php "$port" "$scratch/jobs" pecl
background php_with ours interop/policies.php "$port" "$scratch/jobs" module
functions=(perl_fail:fail perl_die:exception pecl_fail:fail pecl_throw:exception module_fail:fail module_throw:exception)
if [ -n "$PEER_PYTHON" ]; then
    background "$PEER_PYTHON" interop/policies.py "$port" "$scratch/jobs"
    functions+=(python_fail:fail python_raise:exception)
fi
for kind in ours C; do
    # shellcheck disable=SC2016 # the worker's shell expands it
    background "$(tool "$kind")" -h 127.0.0.1 -p "$port" -w -f "tool_$kind" -- \
        sh -c 'date +%s%3N >>"$0/$1.tries"; test -e "$0/good"' "$scratch/jobs" "tool_$kind"
    functions+=("tool_$kind:fail")
done
for function in "${functions[@]}"; do
    name=${function%:*}
    await has_workers "$name" 1 || fail "the worker of $name comes"
    timeout 20 "$GEARMAN" -h 127.0.0.1 -p "$port" -b -f "$name" -u key data
done
for function in "${functions[@]}"; do
    name=${function%:*} reason=${function#*:} text=''
    context="$name: "
    if [ "$reason" = exception ]; then text='no disk'; fi
    if wait_for 30 has_letter "$name"; then pass 'a dead letter in the end'; else fail 'a dead letter in the end'; fi
    check 'three tries, and why the last failed' "3 $reason $text" "$(a_letter "$name" | sed 's/%[0-9A-F][0-9A-F]//g')"
    check 'so the worker saw it' 3 "$(wc -l <"$scratch/jobs/$name.tries")"
    check_that 'a second from try to try' pauses "$scratch/jobs/$name.tries"
    check 'nothing waits or runs' '0 0' "$(jobs_of "$name" | cut -d ' ' -f 1-2)"
    check 'it is known by its key' dead "$(our --job "$name:key" | awk '$1 == "state" { print $2 }')"
done
touch "$scratch/jobs/good"
declare -A handles
for function in "${functions[@]}"; do
    name=${function%:*}
    context="$name: "
    handles[$name]=$(our --dead "$name" | cut -f 1 | head -n 1)
    check 'an operator has it tried again' 1 "$(our --retry "$name")"
done
for function in "${functions[@]}"; do
    name=${function%:*}
    context="$name: "
    check_that 'once more' await lines_in "$scratch/jobs/$name.tries" 4
    check_that 'and it is done' await jobs_are "$name" '0 0 1'
    check 'no dead letter is left' . "$(our --dead "$name")"
    case $name in tool_*) result='' ;; *) result='done' ;; esac
    check 'its result is kept' "$result" "$(our --result "${handles[$name]}")"
    counted=$(our --counters | tr '\t' '\n' | awk -v f="$name" '$0 == "function" { getline; here = $0 == f } here && /^(completed|retried|dead|revived)=/')
    check 'as it is counted' "completed=1 retried=2 dead=1 revived=1" "$(sort <<<"$counted" | tr '\n' ' ' | sed 's/ $//; s/completed=1 dead=1 retried=2/completed=1 retried=2 dead=1/')"
done

context='concurrency: '
check 'is set at run time' OK "$(our --policy few concurrency=2)"
for _ in 1 2 3 4 5; do background "$PEER_PERL" interop/policies.pl "$port" "$scratch/jobs"; done
await has_workers few 6 || fail 'six workers come'
for n in $(seq 30); do echo "$n"; done | timeout 20 "$GEARMAN" -h 127.0.0.1 -p "$port" -b -n -f few
check_that 'all are done' wait_for 30 jobs_are few '0 0 6'
most=$(awk '{ now += $1 == "begin" ? 1 : -1 } now > most { most = now } END { print NR, most }' "$scratch/jobs/few")
check 'two at once, and never three' '60 2' "$most"

context='C server: '
end "${children[@]}"
start_server C
for question in --policies --dead --job=H:x:1 --result=H:x:1 --cancel-unique=f:k --retry=f --bury=H:x:1; do
    text=$(our "$question" 2>&1)
    status=$?
    check "$question ends with 1" 1 "$status"
    check_that "$question says why" grep -q 'the server does not know' <<<"$text"
done
check 'what it knows is asked as ever' . "$(our --status)"
finish
