complete -c nicon-linkmv -s t -l target -d 'Where it is moved to: a PID, a network namespace\'s NAME or FILE, or "host"' -r
complete -c nicon-linkmv -s f -l from -d 'Where it is now; "target": it is where it is to be, and only gets what it lacks [default: our own network namespace]' -r
complete -c nicon-linkmv -l wait -d 'Wait up to SECONDS for a carrier, and to know that no other host has its IPv6 addresses; else put the link back' -r
complete -c nicon-linkmv -l pace -d 'Pause after each link of a batch, to let other programs get at theirs' -r
complete -c nicon-linkmv -l addr -d 'An address' -r
complete -c nicon-linkmv -l gateway -d 'The gateway of its default route' -r
complete -c nicon-linkmv -l route -d 'Another route: a network, and its gateway if it has one' -r
complete -c nicon-linkmv -l mtu -d 'Its MTU' -r
complete -c nicon-linkmv -l mac -d 'Its hardware address' -r
complete -c nicon-linkmv -l master -d 'The bridge, bond or VRF that it becomes a port of' -r
complete -c nicon-linkmv -l vlan -d 'As a port of a bridge, a VLAN that it has. If any is given, here or with the next two, it has no others' -r
complete -c nicon-linkmv -l pvid -d 'The VLAN that what arrives without a tag belongs to' -r
complete -c nicon-linkmv -l untagged -d 'A VLAN that it sends without a tag' -r
complete -c nicon-linkmv -l sysctl -d 'A setting under /proc/sys/net, without the link\'s name: ipv4.conf.rp_filter=0' -r
complete -c nicon-linkmv -l promisc -d 'Whether it receives what is sent to others, too' -r
complete -c nicon-linkmv -l txqueuelen -d 'The length of its transmit queue' -r
complete -c nicon-linkmv -l offload -d 'Switch an offload, by a name that ethtool -K takes' -r
complete -c nicon-linkmv -l delay -d 'Send later by this time, such as 10ms. This and the next three are one netem of tc: what is not given of it is off' -r
complete -c nicon-linkmv -l jitter -d 'Vary the delay by up to this time, either way' -r
complete -c nicon-linkmv -l loss -d 'Drop this part of what it sends, such as 0.5%' -r
complete -c nicon-linkmv -l rate -d 'Send at most this much, such as 10mbit' -r
complete -c nicon-linkmv -l alias -d 'Its alias (a link that is moved gets its origin by default, by which nicon recognises it)' -r
complete -c nicon-linkmv -l altname -d 'Add an alternative name' -r
complete -c nicon-linkmv -l keep -d 'Carry over what a move would lose: addr, route, sysctl' -r
complete -c nicon-linkmv -l force -d 'Move it even if it carries a default route, is a port of another link, has links stacked on it, wherever they are, or would lose for good what is attached to it, such as filters; with --undo, put it back, or remove a pair, even if that destroys links stacked on it'
complete -c nicon-linkmv -l announce -d 'Tell the neighbours where the link\'s addresses are now (gratuitous ARP, unsolicited NA)'
complete -c nicon-linkmv -s n -l dry-run -d 'Print what would be done, and do nothing'
complete -c nicon-linkmv -l fail-fast -d 'Stop at the first record that fails'
complete -c nicon-linkmv -l all-or-nothing -d 'Stop at the first record that fails or at a signal, and undo the earlier moves, also if the output cannot be written'
complete -c nicon-linkmv -l undo -d 'Undo what was done: standard input is what nicon-linkmv or nicon-veth printed'
complete -c nicon-linkmv -s J -l json -d 'Print records even at a terminal'
complete -c nicon-linkmv -l isolated -d 'Let it exchange nothing with other isolated ports of its bridge'
complete -c nicon-linkmv -l nodad -d 'Use its IPv6 addresses at once, without duplicate address detection'
complete -c nicon-linkmv -l no-up -d 'Leave it down'
complete -c nicon-linkmv -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-linkmv -s V -l version -d 'Print version'
