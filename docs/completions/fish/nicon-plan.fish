complete -c nicon-plan -l each -d 'Let each link be wired or not, whatever becomes of the others'
complete -c nicon-plan -s J -l json -d 'Print records even at a terminal'
complete -c nicon-plan -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-plan -s V -l version -d 'Print version'
