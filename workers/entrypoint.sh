#!/bin/bash
# The roles of the image. What is none of them is a command of qsched.
#
#   head           Ray's head: takes no work, tells nodes of each other
#   worker         a node that trains, on all its CPUs and GPUs
#   service ...    a node that takes no work, and `qsched serve ...` on it
#   run ...        a node that takes no work, and `qsched run ...` on the cluster
#   healthy        exits with 0 if the head answers
#   joined         exits with 0 if a node of Ray runs here
#
# RAY_HEAD        HOST:PORT of the head; without it `service` and `run` train where they are
# RAY_AUTH_TOKEN  what nodes of one cluster have in common; RAY_AUTH_MODE is `token` then
# PGPASSWORD      password of the database: a URL would be logged
# WORKER_CPUS, WORKER_GPUS   what a worker offers, where it is not all that there is
# NODE_IP         address of this node, where it is not the one that leads to the head
set -euo pipefail

patience=${HEAD_SECONDS:-120}
export RAY_USAGE_STATS_ENABLED=0

fail() {
    echo "error: $1" >&2
    exit 1
}

# This machine's address: seen from the head, or else the one of its name. Ray itself would look
# for the way to the internet, which a closed network has not.
own_address() {
    python3 -c '
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
    way.connect((sys.argv[1] or socket.gethostname(), 9))
    print(way.getsockname()[0])
' "$1"
}

await_head() {
    [[ -n ${RAY_HEAD:-} ]] || fail "RAY_HEAD must name the head, HOST:PORT"
    local end=$((SECONDS + patience))
    until ray health-check --address "$RAY_HEAD" >/dev/null 2>&1; do
        ((SECONDS < end)) || fail "no Ray head answers at $RAY_HEAD within $patience s"
        sleep 1
    done
    node=(--address "$RAY_HEAD" --node-ip-address "${NODE_IP:-$(own_address "${RAY_HEAD%:*}")}")
}

cluster=()
join_without_work() {
    [[ -n ${RAY_HEAD:-} ]] || return 0
    await_head
    ray start "${node[@]}" --num-cpus 0 --num-gpus 0 --disable-usage-stats >&2
    cluster=(--address auto)
}

role=${1:-}
case $role in
head)
    exec ray start --head --block --port "${RAY_PORT:-6379}" --num-cpus 0 --num-gpus 0 \
        --node-ip-address "${NODE_IP:-$(own_address "")}" --include-dashboard=false \
        --disable-usage-stats
    ;;
worker)
    await_head
    [[ -z ${WORKER_CPUS:-} ]] || node+=(--num-cpus "$WORKER_CPUS")
    [[ -z ${WORKER_GPUS:-} ]] || node+=(--num-gpus "$WORKER_GPUS")
    exec ray start --block "${node[@]}" --disable-usage-stats
    ;;
service)
    join_without_work
    exec qsched serve --host 0.0.0.0 "${cluster[@]}" "${@:2}"
    ;;
run)
    join_without_work
    exec qsched run "${cluster[@]}" "${@:2}"
    ;;
bash)
    exec "$@" # `ray up` starts containers so, and sends its commands afterwards.
    ;;
healthy)
    exec ray health-check --address "${RAY_HEAD:?must name the head, HOST:PORT}"
    ;;
joined)
    # Ray's daemon of this node listens at a socket as long as it lives. Its HTTP agent, which
    # KubeRay asks, is not part of `ray[tune]`.
    exec grep --quiet " ${RAY_TMPDIR:-/tmp}/ray/session_.*/sockets/raylet" /proc/net/unix
    ;;
*)
    exec qsched "$@"
    ;;
esac
