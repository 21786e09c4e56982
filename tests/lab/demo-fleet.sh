#!/bin/sh
# Wires a lab over three machines by Ansible, restarts a container of it, repairs it, and takes it away. To be run as:
# nicon-lab fleet tests/lab/demo-fleet.sh
# Every step must succeed; the first that does not ends the demo with its status.
set -eu

: "${NICON_FLEET:?run me as: nicon-lab fleet $0}"
here=${0%/*}
. "$here/demo-words.sh"
export PATH="$here/../../target/fleet/venv/bin:$PATH" HOME="$NICON_FLEET" LC_ALL=C.UTF-8
export ANSIBLE_NOCOLOR=1 ANSIBLE_DISPLAY_OK_HOSTS=0 ANSIBLE_DISPLAY_SKIPPED_HOSTS=0 ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3
playbooks=$here/../../deploy/ansible
lab=$NICON_FLEET/lab.yaml
machines='lab1 lab2 lab3'

title 'Three machines, each with an engine of its own, and 24 containers'
for machine in $machines; do
    ssh "$machine" "for n in 1 2 3 4 5 6 7 8; do docker run --detach --network=none --name $machine-n\$n image sleep 3600 || exit; done" >/dev/null &
    started="${started-} $!"
done
for one in $started; do wait "$one"; done
for machine in $machines; do printf '%s runs %s\n' "$machine" "$(ssh "$machine" docker ps --quiet | wc -l)"; done

title 'One file with 48 links: a ring on each machine, and one ring through all of them'
{
    printf 'name: demo\nmachines:\n'
    number=0
    for machine in $machines; do
        number=$((number + 1))
        echo "  $machine: {address: 198.51.100.$number}"
    done
    echo 'nodes: {"lab1-*": {on: lab1}, "lab2-*": {on: lab2}, "lab3-*": {on: lab3}}'
    echo 'links:'
    all=$(for n in 1 2 3 4 5 6 7 8; do for machine in $machines; do echo "$machine-n$n"; done; done)
    number=0 last=$(echo "$all" | tail -n 1)
    for node in $all; do
        number=$((number + 1))
        echo "- endpoints:"
        echo "  - {endpoint: \"$last:east\", addr: 10.1.$number.1/30}"
        echo "  - {endpoint: \"$node:west\", addr: 10.1.$number.2/30}"
        last=$node
    done
    for machine in $machines; do
        for n in 1 2 3 4 5 6 7 8; do
            echo "- endpoints: [\"$machine-n$n:right\", \"$machine-n$((n % 8 + 1)):left\"]"
        done
    done
} >"$lab"
head -n 12 "$lab"
echo ..

play() { try "ansible-playbook -i $NICON_FLEET/inventory $playbooks/$1.yml -e nicon_plan=$lab${2:+ $2}"; }
title 'Wired, each machine its half'
play wire
title 'Again: there is nothing to do'
play wire
title 'From the first machine to the second'
try "ssh lab1 'nsenter -t \$(docker inspect -f {{.State.Pid}} lab1-n1) -n ping -c 2 10.1.2.2'"
title 'A container is restarted: its links are gone, and made again, those of its neighbours on other machines as they were'
ssh lab2 docker restart --time 0 lab2-n1 >/dev/null
if play check; then
    echo 'the check has found nothing' >&2
    exit 1
fi
play wire
try "ssh lab1 'nsenter -t \$(docker inspect -f {{.State.Pid}} lab1-n1) -n ping -c 2 10.1.2.2'"
title 'Taken away'
play destroy
for machine in $machines; do
    links=$(ssh "$machine" nicon-links --all --json)
    left=$(echo "$links" | grep -c '"nicon-made.demo' || :)
    printf '%s has %s links of the plan\n' "$machine" "$left"
    [ "$left" = 0 ]
done
