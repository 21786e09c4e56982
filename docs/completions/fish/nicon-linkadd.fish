complete -c nicon-linkadd -s t -l target -d 'Where it is made: a PID, a network namespace\'s NAME or FILE, or "host"' -r
complete -c nicon-linkadd -l wait -d 'Wait up to SECONDS for a carrier, and to know that no other host has its IPv6 addresses; else make no link' -r
complete -c nicon-linkadd -l parent -d 'The link below it: a name, "mac:ADDRESS" or "pci:ADDRESS"' -r
complete -c nicon-linkadd -s f -l from -d 'Where that link is, or a vxlan or wireguard sends from: as for --target, or "target" for the same place [default: host]' -r
complete -c nicon-linkadd -l mode -d 'How those on one parent reach each other: bridge, private, vepa or passthru (macvlan, macvtap); l2, l3 or l3s (ipvlan)' -r
complete -c nicon-linkadd -l vid -d 'Number of the VLAN, 1 to 4094 (vlan)' -r
complete -c nicon-linkadd -l protocol -d '802.1Q or 802.1ad (vlan)' -r
complete -c nicon-linkadd -l vni -d 'Number of the network, of 24 bits (vxlan)' -r
complete -c nicon-linkadd -l remote -d 'The host at the other end, or a multicast group (vxlan)' -r
complete -c nicon-linkadd -l local -d 'The address to send from (vxlan)' -r
complete -c nicon-linkadd -l dst-port -d 'UDP port of the other end (vxlan) [default: 4789]' -r
complete -c nicon-linkadd -l stitch -d 'A link of the same place: what arrives at one of both leaves by the other, both ways (vxlan)' -r
complete -c nicon-linkadd -l private-key -d 'The file that holds the private key (wireguard)' -r
complete -c nicon-linkadd -l listen-port -d 'UDP port to receive at (wireguard)' -r
complete -c nicon-linkadd -l peer -d 'A peer: its public key, and any of endpoint=IP:PORT, allowed-ip=CIDR (more than once), preshared-key=FILE and keepalive=SECONDS (wireguard)' -r
complete -c nicon-linkadd -l addr -d 'An address' -r
complete -c nicon-linkadd -l gateway -d 'The gateway of its default route' -r
complete -c nicon-linkadd -l route -d 'Another route: a network, and its gateway if it has one' -r
complete -c nicon-linkadd -l mtu -d 'Its MTU' -r
complete -c nicon-linkadd -l mac -d 'Its hardware address' -r
complete -c nicon-linkadd -l master -d 'The bridge, bond or VRF that it becomes a port of' -r
complete -c nicon-linkadd -l vlan -d 'As a port of a bridge, a VLAN that it has. If any is given, here or with the next two, it has no others' -r
complete -c nicon-linkadd -l pvid -d 'The VLAN that what arrives without a tag belongs to' -r
complete -c nicon-linkadd -l untagged -d 'A VLAN that it sends without a tag' -r
complete -c nicon-linkadd -l sysctl -d 'A setting under /proc/sys/net, without the link\'s name: ipv4.conf.rp_filter=0' -r
complete -c nicon-linkadd -l promisc -d 'Whether it receives what is sent to others, too' -r
complete -c nicon-linkadd -l txqueuelen -d 'The length of its transmit queue' -r
complete -c nicon-linkadd -l offload -d 'Switch an offload, by a name that ethtool -K takes' -r
complete -c nicon-linkadd -l delay -d 'Send later by this time, such as 10ms. This and the next three are one netem of tc: what is not given of it is off' -r
complete -c nicon-linkadd -l jitter -d 'Vary the delay by up to this time, either way' -r
complete -c nicon-linkadd -l loss -d 'Drop this part of what it sends, such as 0.5%' -r
complete -c nicon-linkadd -l rate -d 'Send at most this much, such as 10mbit' -r
complete -c nicon-linkadd -l alias -d 'Its alias (a link that is moved gets its origin by default, by which nicon recognises it)' -r
complete -c nicon-linkadd -l altname -d 'Add an alternative name' -r
complete -c nicon-linkadd -l announce -d 'Tell the neighbours what the link\'s addresses are (gratuitous ARP, unsolicited NA)'
complete -c nicon-linkadd -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c nicon-linkadd -l fail-fast -d 'Stop at the first record that fails'
complete -c nicon-linkadd -l all-or-nothing -d 'Stop at the first record that fails or at a signal, and remove the links that were made before'
complete -c nicon-linkadd -l undo -d 'Undo what was done: standard input is what nicon-linkadd or another of these programs printed'
complete -c nicon-linkadd -l force -d 'With --undo, remove a link even if that destroys links stacked on it, or cuts off the ports of a bridge'
complete -c nicon-linkadd -s J -l json -d 'Print records even at a terminal'
complete -c nicon-linkadd -l no-learning -d 'Do not learn from packets where hardware addresses are (vxlan)'
complete -c nicon-linkadd -l vlan-filtering -d 'Keep the VLANs of the ports apart (bridge)'
complete -c nicon-linkadd -l stp -d 'Take part in the spanning tree protocol (bridge)'
complete -c nicon-linkadd -l isolated -d 'Let it exchange nothing with other isolated ports of its bridge'
complete -c nicon-linkadd -l nodad -d 'Use its IPv6 addresses at once, without duplicate address detection'
complete -c nicon-linkadd -l no-up -d 'Leave it down'
complete -c nicon-linkadd -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-linkadd -s V -l version -d 'Print version'
