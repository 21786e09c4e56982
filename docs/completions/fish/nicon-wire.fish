complete -c nicon-wire -l wait -d 'Wait up to SECONDS for each link to have a carrier, and to know that no other host has its IPv6 addresses; else it has failed' -r
complete -c nicon-wire -l check -d 'Print what differs from the plan, and change nothing'
complete -c nicon-wire -l destroy -d 'Remove what was made under the plan\'s name, and bring home what was moved. Only the plan\'s name is read of the records'
complete -c nicon-wire -l prune -d 'First remove, or bring home, links under the plan\'s name that the plan does not ask for any more'
complete -c nicon-wire -l force -d 'Move links even if they carry a default route, are ports of another link, or would lose something for good; remove links, and bring them home, even if that destroys others that are stacked on them'
complete -c nicon-wire -l announce -d 'Tell the neighbours where the links\' addresses are (gratuitous ARP, unsolicited NA)'
complete -c nicon-wire -s J -l json -d 'Print records even at a terminal'
complete -c nicon-wire -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-wire -s V -l version -d 'Print version'
