complete -c nicon-plan -l in -d 'The container whose engine runs the plan\'s containers (default: those of this machine)' -r
complete -c nicon-plan -l each -d 'Treat each link on its own: those without faults are printed (default: all links of the plan or none)'
complete -c nicon-plan -l watch -d 'Go on when all is printed: each time the file says something else, and has no faults, print all of its records again, as the next revision of the plan. The faults of others are told, and change nothing'
complete -c nicon-plan -s J -l json -d 'Print records even at a terminal'
complete -c nicon-plan -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-plan -s V -l version -d 'Print version'
