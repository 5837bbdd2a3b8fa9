#!/bin/bash
# The drill: log in, take hosts away one after the other, and count on in the same session. With each
# master of the store the Tomcat goes too that has the session in its memory.
#
#   docker/drill.sh [apache | apache-jk]
#
# It starts compose.yaml with compose.tomcat.yaml, visits the demo page through Nginx (or Apache with
# mod_proxy or mod_jk), and removes everything in the end; with KEEP=1 it leaves the containers
# running. LOSSES says how the master is lost, one after the other: kill and pause, as often as
# wanted. Exit code 0: the session and every count that was answered were there all the time. 1:
# something was lost, or a container did not come up. Needs Docker with Compose, and curl.
set -uo pipefail
cd "$(dirname "$0")" || exit 1

case "${1:-nginx}" in
    nginx) port=8080 ;;
    apache) port=8081 ;;
    apache-jk) port=8082 ;;
    *) echo "usage: docker/drill.sh [apache | apache-jk]" >&2; exit 64 ;;
esac
url=http://127.0.0.1:$port
if [ -z "${COMPOSE:-}" ]; then
    if docker compose version >/dev/null 2>&1; then COMPOSE="docker compose"; else COMPOSE=docker-compose; fi
fi
scratch=$(mktemp -d)

compose() {
    # The command may be two words.
    # shellcheck disable=SC2086
    $COMPOSE --project-name twincached-drill --file compose.yaml --file compose.tomcat.yaml \
        "$@" 2>>"$scratch/compose"
}

finish() {
    local status=$?
    [ "${KEEP:-0}" != 0 ] || compose down --volumes --timeout 1 >/dev/null
    rm -rf "$scratch"
    exit $status
}

give_up() {
    echo "FAILED: $*"
    tail -n 20 "$scratch/compose"
    compose ps
    compose logs --no-color --tail 40
    exit 1
}

# wait_for WHAT COMMAND...: until the command succeeds, three minutes at most.
wait_for() {
    local what=$1 deadline=$((SECONDS + 180))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || give_up "after three minutes still not: $what"
        sleep 0.5
    done
}

status_of() {
    compose exec -T "$1" /usr/local/bin/twincached status
}

# The status begins with OK when nothing is wrong: connected, in sync, one master.
both_ok() {
    status_of host-a | grep -q ^OK: && status_of host-b | grep -q ^OK:
}

# fact NAME: the value of a line of the page that was fetched last.
fact() {
    sed -n "s/^$1 //p" "$scratch/page"
}

# fetch OPTION... PATH: a page, as a browser with its cookie asks for it.
fetch() {
    curl --silent --show-error --fail --max-time 40 --cookie "$scratch/cookies" \
        --cookie-jar "$scratch/cookies" --output "$scratch/page" "${@:1:$#-1}" "$url${*: -1}"
}

page_answers() {
    fetch "/?text" 2>/dev/null && [ -n "$(fact tomcat)" ]
}

# The session without its route, which names the Tomcat and changes with it.
session_id() {
    fact session | cut -d . -f 1
}

tomcat_started() {
    compose exec -T "$1" bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080' 2>/dev/null
}

# Host behind the virtual address, by the page.
store() {
    case "$(fact store)" in
        10.77.21.11) echo host-a ;;
        10.77.21.12) echo host-b ;;
        *) fact store ;;
    esac
}

other() {
    if [ "$1" = host-a ]; then echo host-b; else echo host-a; fi
}

# count_on SECONDS: one request after the other for so long. Each answer has to come from the same
# session and to count higher than the one before; sessions are written before the answer.
count_on() {
    local until=$((SECONDS + $1)) requests=0 failed=0 longest=0 took tomcats="" now
    while [ "$SECONDS" -lt "$until" ]; do
        took=$(fetch --write-out '%{time_total}' "/?text" 2>>"$scratch/curl") || {
            failed=$((failed + 1))
            continue
        }
        requests=$((requests + 1))
        now=$(fact counter)
        [ "$(session_id) $(fact user)" = "$session alice" ] ||
            give_up "the session is gone: $(tr '\n' ' ' <"$scratch/page")"
        [ "$now" -gt "$counter" ] || give_up "counted $counter before and $now now"
        counter=$now
        longest=$(printf '%s\n%s\n' "$longest" "$took" | sort -n | tail -n 1)
        case " $tomcats " in *" $(fact tomcat) "*) ;; *) tomcats="$tomcats $(fact tomcat)" ;; esac
        sleep 0.05
    done
    [ "$requests" -gt 0 ] || give_up "no request was answered: $(tail -n 1 "$scratch/curl")"
    printf '   counter %s, store %s, by%s: %s requests, %s failed, longest %.2f s\n' \
        "$counter" "$(store)" "$tomcats" "$requests" "$failed" "$longest"
    [ "$failed" = 0 ] || give_up "requests failed: $(sort "$scratch/curl" | uniq -c)"
}

# lose_master VERB...: do that to the container of the master and count on at the other host.
lose_master() {
    local master
    master=$(store)
    echo "== $1 $master, which holds the virtual address"
    compose "$1" "$master" >/dev/null || give_up "$1 $master"
    count_on 6
    # The page asks the store for its host by a connection of its own, which may have waited for the
    # lost master until it timed out: the next page knows.
    case "$(store)" in none*) count_on 2 ;; esac
    [ "$(store)" = "$(other "$master")" ] || give_up "$(store) answers, not $(other "$master")"
    lost=$master
}

# bring_back VERB: the lost host returns; the other one keeps the address.
bring_back() {
    local master
    master=$(store)
    echo "== $1 $lost again"
    compose "$1" "$lost" >/dev/null || give_up "$1 $lost"
    wait_for "both hosts are in sync" both_ok
    count_on 2
    [ "$(store)" = "$master" ] || give_up "$(store) took the address back from $master"
}

# lose_tomcat: kill the Tomcat that has the session, so that the other one takes it from the store.
lose_tomcat() {
    local tomcat
    tomcat=$(fact tomcat)
    echo "== kill $tomcat, which has the session"
    compose kill "$tomcat" >/dev/null || give_up "kill $tomcat"
    count_on 2
    [ "$(fact tomcat)" != "$tomcat" ] || give_up "$tomcat still answers"
    compose start "$tomcat" >/dev/null || give_up "start $tomcat"
    wait_for "$tomcat has started" tomcat_started "$tomcat"
}

trap finish EXIT
trap 'exit 1' INT TERM
echo "== start two hosts, two Tomcats, Nginx and Apache"
compose up --detach >/dev/null || give_up "the containers do not start"
wait_for "both hosts are in sync" both_ok
wait_for "tomcat-1 has started" tomcat_started tomcat-1
wait_for "tomcat-2 has started" tomcat_started tomcat-2
wait_for "$url answers" page_answers

echo "== log in"
fetch --data user=alice "/?text" || give_up "nobody can log in"
session=$(session_id) counter=$(fact counter)
echo "   alice has session $session"
count_on 2

for loss in ${LOSSES:-kill kill pause}; do
    lose_master "$loss"
    lose_tomcat
    case $loss in
        kill) bring_back start ;;
        pause) bring_back unpause ;;
    esac
done
echo "PASSED: one session, $counter counts, none lost"
