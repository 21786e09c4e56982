complete -c nicon-veth -s t -l target -d 'Where an end is: a PID, a network namespace\'s NAME or FILE, or "host"' -r
complete -c nicon-veth -l addr -d 'An address of the first end' -r
complete -c nicon-veth -l peer-addr -d 'An address of the second end' -r
complete -c nicon-veth -l mac -d 'The first end\'s hardware address' -r
complete -c nicon-veth -l peer-mac -d 'The second end\'s hardware address' -r
complete -c nicon-veth -l mtu -d 'MTU of both ends' -r
complete -c nicon-veth -l peer-mtu -d 'MTU of the second end, if it differs' -r
complete -c nicon-veth -l master -d 'The bridge, bond or VRF that the first end becomes a port of' -r
complete -c nicon-veth -l peer-master -d 'The one that the second end becomes a port of' -r
complete -c nicon-veth -s J -l json -d 'Print records even at a terminal'
complete -c nicon-veth -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-veth -s V -l version -d 'Print version'
