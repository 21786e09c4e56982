complete -c nicon-nsfind -s T -l type -d 'Only these types of namespace' -r -f -a "user\t''
cgroup\t''
ipc\t''
uts\t''
net\t''
pid\t''
mnt\t''
time\t''"
complete -c nicon-nsfind -l owner -d 'List only what this user namespace owns (user:[4026531837], /proc/42/ns/user), or a user (1000)' -r
complete -c nicon-nsfind -l within -d 'List only the namespaces of the containers in FILE, which their processes are in or hold; FILE holds the output of nicon-resolve (- for standard input). They are shown by path' -r -F
complete -c nicon-nsfind -l names -d 'Show containers by path; FILE holds the output of nicon-resolve \'**\' (- for standard input)' -r -F
complete -c nicon-nsfind -s a -l all -d 'Print every process in the namespace, each as soon as it is found'
complete -c nicon-nsfind -s 1 -l first -d 'Print any one process in the namespace, and stop looking (fastest)'
complete -c nicon-nsfind -l holders -d 'Also show what else keeps a namespace alive: mounts, descriptors, sockets, threads, threads whose children will be in it, child namespaces'
complete -c nicon-nsfind -s l -l list -d 'List every namespace of the machine (the default unless standard input is a pipe, a socket or a file)'
complete -c nicon-nsfind -l tree -d 'List them as a tree: a PID namespace below its parent, any other one below the user namespace that owns it'
complete -c nicon-nsfind -l pid -d 'Print bare PIDs, one per line'
complete -c nicon-nsfind -s J -l json -d 'Print records even at a terminal'
complete -c nicon-nsfind -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-nsfind -s V -l version -d 'Print version'
