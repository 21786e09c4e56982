#!/bin/sh
# Wires a lab of 20 containers over three depths from one file, and takes it away again. To be run as:
# nicon-lab run tests/lab/demo-lab.sh
# Every step must succeed; the first that does not ends the demo with its status.
set -eu

: "${NICON_LAB:?run me as: nicon-lab run $0}"
. "${0%/*}/demo-words.sh"
lab=/run/lab.yaml

# The engines, by the paths of their containers, and what each runs besides.
outer='a1 a2 a3 a4 a5 a6'
middle='b1 b2 b3 b4 b5 b6'
inner='c1 c2 c3 c4 c5'

title "20 containers: 7 on the machine's engine, 7 on that of the first, 6 on that of one of these"
# shellcheck disable=SC2086 # Each name is a word.
start -- $outer
# shellcheck disable=SC2086
start docker exec setup -- $middle
# shellcheck disable=SC2086
start docker exec setup docker exec olt_1 -- $inner
ip link add card0 type veth peer name card0p
ip link add card1 type veth peer name card1p
ip link add card2 type veth peer name card2p
ip link add uplink type veth peer name uplinkp
ip link set uplink up
ip link set uplinkp up
printf '%s containers run\n' "$(nicon-resolve '**' | wc -l)"

# The paths of all containers that are wired: the engines' own are left out.
leaves=$(
    for name in $outer; do echo "$name"; done
    for name in $middle; do echo "setup.$name"; done
    for name in $inner lt_1; do echo "setup.olt_1.$name"; done
)

title "One file with 60 links of five kinds: pairs, ports of a bridge, macvlans, vxlans, and cards that are moved"
{
    echo 'name: demo'
    echo 'links:'
    echo '- {kind: bridge, endpoint: "host:br-demo", addr: 10.2.0.1/24}'
    number=0
    for leaf in $leaves; do
        number=$((number + 1))
        echo "- endpoints: [\"host:port$number\", {endpoint: \"$leaf:up0\", addr: 10.2.0.$((number + 1))/24}]" |
            sed 's/"host:port\([0-9]*\)"/{endpoint: "host:port\1", master: br-demo}/'
    done
    # A ring: each container, and the next one.
    first=$(echo "$leaves" | head -n 1)
    number=0 last=''
    for leaf in $leaves $first; do
        if [ -n "$last" ]; then
            number=$((number + 1))
            cat <<END
- mtu: 9000
  endpoints:
  - {endpoint: "$last:east", addr: 10.1.$number.1/30}
  - {endpoint: "$leaf:west", addr: 10.1.$number.2/30}
END
        fi
        last=$leaf
    done
    # Over five of the wires of the ring, a tunnel each.
    number=0 last=''
    for leaf in $leaves; do
        if [ -n "$last" ] && [ $((number % 3)) = 1 ]; then
            cat <<END
- {kind: vxlan, endpoint: "$last:tun$number", from: target, vni: $number, local: 10.1.$number.1, remote: 10.1.$number.2, addr: 10.4.$number.1/30}
- {kind: vxlan, endpoint: "$leaf:tun$number", from: target, vni: $number, local: 10.1.$number.2, remote: 10.1.$number.1, addr: 10.4.$number.2/30}
END
        fi
        number=$((number + 1)) last=$leaf
        [ "$number" -lt 15 ] || break
    done
    number=0
    for leaf in $leaves; do
        number=$((number + 1))
        [ "$number" -le 10 ] || break
        echo "- {kind: macvlan, endpoint: \"$leaf:mv0\", parent: uplink, addr: 10.3.0.$number/24}"
    done
    number=0
    for leaf in a1 setup.b1 setup.olt_1.c1; do
        echo "- {link: card$number, endpoint: \"$leaf:card\", addr: 10.5.$number.1/24}"
        number=$((number + 1))
    done
} >"$lab"
grep -c '^- ' "$lab" | sed 's/$/ links/'
sed -n '1,5p;23,30p' "$lab"
before=$(ip -br link)

title "What differs from it now, all of it wired, and what differs then"
try "nicon-plan $lab | nicon-resolve | nicon-wire --check | wc -l"
try "nicon-plan $lab | nicon-resolve | nicon-wire >/run/wired"
try "nicon-plan $lab | nicon-resolve | nicon-wire --check"

title "It carries packets"
# Enters the network of a container, as itself.
within() { nicon-resolve "$1" | nicon-nsexec --net sh -c "$2"; }
number=0
for leaf in $leaves; do
    number=$((number + 1))
    within "$leaf" "ping -q -c 1 -W 5 10.2.0.1 && ping -q -c 1 -W 5 10.1.$number.2" >/dev/null
done
within a1 'ping -q -c 1 -W 5 10.3.0.10 && ping -q -c 1 -W 5 10.4.1.2' | grep received

title "A line of the file changes"
try "sed -i 's/10.3.0.7/10.3.0.77/' $lab"
if nicon-plan "$lab" | nicon-resolve | nicon-wire --check >/run/differs; then exit 1; fi
jq -c '{target, name, steps}' /run/differs
try "nicon-plan $lab | nicon-resolve | nicon-wire | jq -r '.done[-1].changed' | sort | uniq -c"
within a1 'ping -q -c 1 -W 5 10.3.0.77' | grep received

title "The picture"
try "nicon-resolve host '**' | nicon-links | nicon-tree --links --svg >/run/lab.svg"
try "nicon-resolve host '**' | nicon-links | nicon-tree --links | sed -n '1,12p'"

title "It goes again, and nothing is left"
try "nicon-plan --none $lab | nicon-wire --destroy | wc -l"
[ "$(ip -br link)" = "$before" ]
for leaf in $leaves; do
    [ "$(within "$leaf" 'ls /proc/sys/net/ipv4/conf' | tr '\n' ' ')" = 'all default lo ' ]
done
[ -z "$(ls /run/nicon)" ]

title "Done; the lab goes down"
