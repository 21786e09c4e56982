complete -c nicon-linkmv -s t -l target -d 'Where it is moved to: a PID, a network namespace\'s NAME or FILE, or "host"' -r
complete -c nicon-linkmv -s f -l from -d 'Where it is now [default: our own network namespace]' -r
complete -c nicon-linkmv -l wait -d 'Wait until the link has a carrier; one that has none by then is put back' -r
complete -c nicon-linkmv -l pace -d 'Rest so long after each link of a batch: nobody else gets at any link while one is moved' -r
complete -c nicon-linkmv -l addr -d 'An address' -r
complete -c nicon-linkmv -l gateway -d 'The gateway of its default route' -r
complete -c nicon-linkmv -l route -d 'Another route: a network, and its gateway if it has one' -r
complete -c nicon-linkmv -l mtu -d 'The greatest packet that it sends' -r
complete -c nicon-linkmv -l mac -d 'Its hardware address' -r
complete -c nicon-linkmv -l master -d 'The bridge, bond or VRF that it becomes a port of' -r
complete -c nicon-linkmv -l alias -d 'Its alias, instead of nicon\'s note' -r
complete -c nicon-linkmv -l altname -d 'An alternative name' -r
complete -c nicon-linkmv -l keep -d 'What comes along that a move loses: addr, route, sysctl' -r
complete -c nicon-linkmv -l force -d 'Move it though it carries a default route, is a port of another link, or has links on it'
complete -c nicon-linkmv -l announce -d 'Tell the neighbours where the link\'s addresses are now (gratuitous ARP, unsolicited NA)'
complete -c nicon-linkmv -s n -l dry-run -d 'Tell what would be done, and do nothing'
complete -c nicon-linkmv -l fail-fast -d 'End with the first record that fails'
complete -c nicon-linkmv -l all-or-nothing -d 'End with the first record that fails, and put back what was moved before'
complete -c nicon-linkmv -l undo -d 'Put back what the records on standard input say was moved, as it was'
complete -c nicon-linkmv -s J -l json -d 'Print records even at a terminal'
complete -c nicon-linkmv -l no-up -d 'Leave it down'
complete -c nicon-linkmv -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-linkmv -s V -l version -d 'Print version'
