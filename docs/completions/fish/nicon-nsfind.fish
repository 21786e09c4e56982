complete -c nicon-nsfind -s T -l type -d 'Only these types of namespace: user, cgroup, ipc, uts, net, pid, mnt, time' -r
complete -c nicon-nsfind -l names -d 'Call containers by their paths: FILE has records of nicon-resolve \'**\', and - is standard input' -r -F
complete -c nicon-nsfind -s a -l all -d 'Tell each process that is in the namespace, as soon as it is found'
complete -c nicon-nsfind -s 1 -l first -d 'Tell any one process that is in the namespace, and look no further: the fast way'
complete -c nicon-nsfind -l holders -d 'Also find what else keeps a namespace: mounts, descriptors, threads, children to be, namespaces below'
complete -c nicon-nsfind -s l -l list -d 'List every namespace of the machine, whatever standard input is'
complete -c nicon-nsfind -l pid -d 'Print bare PIDs, one a line'
complete -c nicon-nsfind -s J -l json -d 'Print records even at a terminal'
complete -c nicon-nsfind -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-nsfind -s V -l version -d 'Print version'
