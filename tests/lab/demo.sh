#!/bin/sh
# Shows nicon at work in the lab. To be run as: nicon-lab run tests/lab/demo.sh
# Every step must succeed; the first that does not ends the demo with its status.
set -eu

: "${NICON_LAB:?run me as: nicon-lab run $0}"
target=setup.olt_1.lt_1
. "${0%/*}/demo-words.sh"

# Runs a command inside a container of the nest, the long way round.
setup() { docker exec setup "$@"; }
olt_1() { setup docker exec olt_1 "$@"; }
lt_1() { olt_1 docker exec lt_1 "$@"; }

title "A container in a container in a container, each level with a Docker daemon of its own"
cat <<'EOF'
  machine                dockerd
    └─ setup             dockerd
         └─ olt_1        dockerd
              └─ lt_1    sleep
EOF
format='table {{.Names}}\t{{.Image}}\t{{.Command}}\t{{.Status}}'
docker ps --format "$format"
setup docker ps --format "$format"
olt_1 docker ps --format "$format"

title "Each daemon tells the PID of its own PID namespace; only the machine's is of use here"
pid_of='{{.State.Pid}}'
printf '  setup says that olt_1 is %s, olt_1 says that lt_1 is %s\n' \
    "$(setup docker inspect -f "$pid_of" olt_1)" "$(olt_1 docker inspect -f "$pid_of" lt_1)"
try "nicon-resolve --pid $target"
pid=$(nicon-resolve --pid $target)
inside=$(lt_1 readlink /proc/self/ns/mnt)
outside=$(readlink "/proc/$pid/ns/mnt")
printf '  lt_1 lives in %s, process %s here lives in %s\n' "$inside" "$pid" "$outside"
[ "$inside" = "$outside" ]
try "grep NSpid: /proc/$pid/status"

title "A NIC for it"
try 'ip link add veth0 type veth peer name veth0p'
try "nicon-resolve $target"
try "nicon-resolve $target | nicon-linkmv veth0 eth1"
echo '  Once more: it is there already, so nothing is changed.'
try "nicon-resolve $target | nicon-linkmv veth0 eth1"

title "It carries packets"
try "nsenter -t $pid -n ip address add 192.0.2.2/24 dev eth1"
try 'ip address add 192.0.2.1/24 dev veth0p && ip link set veth0p up'
try 'ping -c 2 -i 0.2 -W 5 192.0.2.2'
try 'lt_1 ping -c 2 -i 0.2 -W 5 192.0.2.1'
try 'lt_1 ip -br link'
lt_1 ip -br link show dev eth1 | grep -q 'UP'

title "The nest, as nicon sees it"
try "nicon-resolve '**' | nicon-links | nicon-tree --links --procs"

title "Done; the lab goes down"
