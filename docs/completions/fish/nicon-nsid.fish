complete -c nicon-nsid -s T -l type -d 'Only these types of namespace: user, cgroup, ipc, uts, net, pid, mnt, time' -r
complete -c nicon-nsid -l id -d 'Print the bare inode number of the namespace of this type' -r
complete -c nicon-nsid -l link -d 'Print the namespace of this type as the kernel spells it: pid:[4026532565]' -r
complete -c nicon-nsid -l tree -d 'Add each namespace\'s owning user namespace, and the parent and the maker\'s user ID where it has them'
complete -c nicon-nsid -s J -l json -d 'Print records even at a terminal'
complete -c nicon-nsid -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-nsid -s V -l version -d 'Print version'
