#!/bin/sh
# Draws README's picture: nine containers at three depths, a bridge of the host, and one in a container. To be run as:
# nicon-lab run tests/lab/picture.sh FILE.svg
set -eu

: "${NICON_LAB:?run me as: nicon-lab run $0 FILE.svg}"
. "${0%/*}/demo-words.sh"
lab=/run/picture.yaml

start -- core1 core2
start docker exec setup -- edge1 edge2
start docker exec setup docker exec olt_1 -- lt_2 lt_3
cat >"$lab" <<'END'
name: picture
links:
- {kind: bridge, endpoint: "host:br-lab", addr: 10.2.0.1/24}
- endpoints: [{endpoint: "host:port1", master: br-lab}, {endpoint: "core1:eth0", addr: 10.2.0.11/24}]
- endpoints: [{endpoint: "host:port2", master: br-lab}, {endpoint: "core2:eth0", addr: 10.2.0.12/24}]
- endpoints: [{endpoint: "host:port3", master: br-lab}, {endpoint: "setup.edge1:eth0", addr: 10.2.0.21/24}]
- endpoints: [{endpoint: "host:port4", master: br-lab}, {endpoint: "setup.edge2:eth0", addr: 10.2.0.22/24}]
- endpoints: [{endpoint: "core1:eth1", addr: 10.1.0.1/30}, {endpoint: "core2:eth1", addr: 10.1.0.2/30}]
- endpoints: [{endpoint: "core1:eth2", addr: 10.1.1.1/30}, {endpoint: "setup.edge1:eth1", addr: 10.1.1.2/30}]
- endpoints: [{endpoint: "core2:eth2", addr: 10.1.2.1/30}, {endpoint: "setup.edge2:eth1", addr: 10.1.2.2/30}]
- {kind: bridge, endpoint: "setup.olt_1:br-pon"}
- endpoints: [{endpoint: "setup.olt_1:up", master: br-pon}, {endpoint: "host:port5", master: br-lab}]
- endpoints: [{endpoint: "setup.olt_1:pon1", master: br-pon}, {endpoint: "setup.olt_1.lt_1:eth0", addr: 10.2.0.31/24}]
- endpoints: [{endpoint: "setup.olt_1:pon2", master: br-pon}, {endpoint: "setup.olt_1.lt_2:eth0", addr: 10.2.0.32/24}]
- endpoints: [{endpoint: "setup.olt_1:pon3", master: br-pon}, {endpoint: "setup.olt_1.lt_3:eth0", addr: 10.2.0.33/24}]
END
nicon wire "$lab" --wait 10 >/dev/null
# From the innermost network, over both bridges, to the outermost.
nicon exec setup.olt_1.lt_3 --net ping -q -c 1 -W 5 10.2.0.11 >/dev/null
nicon-resolve host '**' | nicon-links | nicon-tree --links --svg >"$1"
