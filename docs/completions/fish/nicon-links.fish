complete -c nicon-links -s t -l target -d 'A process whose network namespace is listed, a namespace by its name or file, or "host" for ours' -r
complete -c nicon-links -s n -l netns -d 'A network namespace by the name that "ip netns" knows, or by its file' -r
complete -c nicon-links -s k -l kind -d 'Only links of this kind, such as veth, bridge, macvlan' -r
complete -c nicon-links -l having -d 'Only what has WHAT: a link\'s name (eth0), MAC (02:00:5e:00:53:01), address (192.0.2.1) or one in a network (192.0.2.0/24), or a port that something listens on (tcp:8080, udp:53, port:53 for either)' -r
complete -c nicon-links -s a -l all -d 'All network namespaces that a process is in or that have a name'
complete -c nicon-links -s s -l stats -d 'Include traffic counters'
complete -c nicon-links -l offloads -d 'Include offloads: which features are on, and which could be, by the names that the kernel and "ethtool -k" have for them'
complete -c nicon-links -s w -l watch -d 'Keep running, and print each change, until nothing is left that could come back: a name can, new ones with --all, and whatever "nicon-resolve --watch" tells of'
complete -c nicon-links -s J -l json -d 'Print records even at a terminal'
complete -c nicon-links -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-links -s V -l version -d 'Print version'
