complete -c nicon-veth -s t -l target -d 'Where an end is: a PID, a network namespace\'s NAME or FILE, or "host"' -r
complete -c nicon-veth -l addr -d 'An address of the first end' -r
complete -c nicon-veth -l peer-addr -d 'An address of the second end' -r
complete -c nicon-veth -l gateway -d 'The gateway of the first end\'s default route' -r
complete -c nicon-veth -l peer-gateway -d 'The gateway of the second end\'s default route' -r
complete -c nicon-veth -l route -d 'Another route of the first end: a network, and its gateway if it has one' -r
complete -c nicon-veth -l peer-route -d 'Another route of the second end' -r
complete -c nicon-veth -l mac -d 'The first end\'s hardware address' -r
complete -c nicon-veth -l peer-mac -d 'The second end\'s hardware address' -r
complete -c nicon-veth -l mtu -d 'MTU of both ends' -r
complete -c nicon-veth -l peer-mtu -d 'MTU of the second end, if it differs' -r
complete -c nicon-veth -l master -d 'The bridge, bond or VRF that the first end becomes a port of' -r
complete -c nicon-veth -l peer-master -d 'The one that the second end becomes a port of' -r
complete -c nicon-veth -l wait -d 'Wait up to SECONDS for both ends to have a carrier, and to know that no other host has their IPv6 addresses; else make no pair' -r
complete -c nicon-veth -l sysctl -d 'A setting under /proc/sys/net, without the link\'s name: ipv4.conf.rp_filter=0' -r
complete -c nicon-veth -l promisc -d 'Whether it receives what is sent to others, too' -r
complete -c nicon-veth -l txqueuelen -d 'The length of its transmit queue' -r
complete -c nicon-veth -l offload -d 'Switch an offload, by a name that ethtool -K takes' -r
complete -c nicon-veth -l delay -d 'Send later by this time, such as 10ms. This and the next three are one netem of tc: what is not given of it is off' -r
complete -c nicon-veth -l jitter -d 'Vary the delay by up to this time, either way' -r
complete -c nicon-veth -l loss -d 'Drop this part of what it sends, such as 0.5%' -r
complete -c nicon-veth -l rate -d 'Send at most this much, such as 10mbit' -r
complete -c nicon-veth -l announce -d 'Tell the neighbours what the ends\' addresses are (gratuitous ARP, unsolicited NA)'
complete -c nicon-veth -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c nicon-veth -l fail-fast -d 'Stop at the first pair that fails'
complete -c nicon-veth -l all-or-nothing -d 'Stop at the first pair that fails, and remove those that were made before'
complete -c nicon-veth -l undo -d 'Undo what was done: standard input is what nicon-veth or nicon-linkmv printed'
complete -c nicon-veth -l force -d 'With --undo, remove a pair even if that destroys links stacked on its ends'
complete -c nicon-veth -s J -l json -d 'Print records even at a terminal'
complete -c nicon-veth -l nodad -d 'Use its IPv6 addresses at once, without duplicate address detection'
complete -c nicon-veth -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-veth -s V -l version -d 'Print version'
