complete -c nicon-tree -s w -l width -d 'The width to draw for (default: that of the terminal, otherwise unlimited)' -r
complete -c nicon-tree -s p -l procs -d 'Draw each container\'s processes, too; shims between an engine and its container are left out'
complete -c nicon-tree -s l -l links -d 'Draw the links, too, and how they are connected (needs nicon-links earlier in the pipe); loopback is left out'
complete -c nicon-tree -l watch -d 'Read what nicon-resolve --watch or nicon-links --watch prints, and draw again when it changes: at a terminal in place'
complete -c nicon-tree -l dot -d 'Print a graph for Graphviz'
complete -c nicon-tree -l svg -d 'Print an SVG image'
complete -c nicon-tree -l ascii -d 'Draw with ASCII characters only (the default if the locale is not UTF-8)'
complete -c nicon-tree -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-tree -s V -l version -d 'Print version'
