complete -c nicon-nsexec -s t -l target -d 'Process whose namespaces are entered; INODE is that of its pidfd' -r
complete -c nicon-nsexec -s m -l mount -l mnt -d 'Enter the mount namespace' -r
complete -c nicon-nsexec -s u -l uts -d 'Enter the UTS namespace (host name)' -r
complete -c nicon-nsexec -s i -l ipc -d 'Enter the IPC namespace' -r
complete -c nicon-nsexec -s n -l net -d 'Enter the network namespace; a NAME without a slash is one of "ip netns"' -r
complete -c nicon-nsexec -s N -l net-socket -d 'Enter the network namespace of this socket of the target' -r
complete -c nicon-nsexec -s p -l pid -d 'Enter the PID namespace' -r
complete -c nicon-nsexec -s C -l cgroup -d 'Enter the cgroup namespace' -r
complete -c nicon-nsexec -s U -l user -d 'Enter the user namespace' -r
complete -c nicon-nsexec -s T -l time -d 'Enter the time namespace' -r
complete -c nicon-nsexec -s S -l setuid -d 'Set the user: an ID, a name of the /etc/passwd that the command finds, which brings the user\'s groups along if -G does not say otherwise, or "follow": the target\'s, the default where its files run' -r
complete -c nicon-nsexec -s G -l setgid -d 'Set the group (an ID, a name of the command\'s /etc/group, or "follow": the target\'s) and drop the supplementary groups, which are else the target\'s where its files run' -r
complete -c nicon-nsexec -s r -l root -d 'Set the root directory (default: the target\'s)' -r
complete -c nicon-nsexec -s w -l wd -d 'Set the working directory (default: the target\'s)' -r
complete -c nicon-nsexec -s W -l wdns -d 'Set the working directory, looked up in the namespaces (default: the one that entering them leads to)' -r
complete -c nicon-nsexec -l set -d 'Set a variable of the environment; without VALUE, to the caller\'s' -r
complete -c nicon-nsexec -s a -l all -d 'Enter all of its namespaces'
complete -c nicon-nsexec -l user-parent -d 'Enter the parent of the user namespace, or the owner of another that is entered'
complete -c nicon-nsexec -l preserve-credentials -d 'Leave user and group IDs, and the supplementary groups, as they are'
complete -c nicon-nsexec -l keep-caps -d 'Keep the capabilities that entering the user namespace gave'
complete -c nicon-nsexec -l view -d 'Run the caller\'s own program, but with the container\'s files below /mnt, with --net its /sys, /etc/resolv.conf and /etc/hosts, and with --pid its /proc'
complete -c nicon-nsexec -s e -l env -d 'Take the environment from the target'
complete -c nicon-nsexec -l clear-env -d 'Begin with an empty environment but for TERM, PATH and NICON_TARGET (default where the container\'s files run)'
complete -c nicon-nsexec -l keep-env -d 'Keep the caller\'s environment (default where they do not)'
complete -c nicon-nsexec -s F -l no-fork -d 'Become the command: no child, no terminal of its own, no signals passed on'
complete -c nicon-nsexec -s Z -l follow-context -d 'Run in the SELinux context of the target; fails without SELinux'
complete -c nicon-nsexec -s c -l join-cgroup -d 'Join the cgroup of the target'
complete -c nicon-nsexec -l no-cgroup -d 'Leave the command in the caller\'s cgroup, where else it would join the target\'s'
complete -c nicon-nsexec -l privileged -d 'Give the command the caller\'s user, limits, capabilities, cgroup, seccomp filters and LSM label, even where the container may take them over'
complete -c nicon-nsexec -l no-pty -d 'Run the command on the caller\'s own terminal, into which it can then inject input'
complete -c nicon-nsexec -l stdin -d 'Hand what follows the record on standard input to the command'
complete -c nicon-nsexec -l each -d 'Run the command once for each record on standard input, in turn, with no input of its own'
complete -c nicon-nsexec -l prefix -d 'Begin each line that the command writes with the path of its target and a tab'
complete -c nicon-nsexec -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-nsexec -s V -l version -d 'Print version'
