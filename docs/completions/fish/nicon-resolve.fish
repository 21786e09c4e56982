complete -c nicon-resolve -l engine -d 'Which engines are asked; a path may choose as well: podman:web.docker:db' -r -f -a "auto\t'Each that is there'
docker\t''
podman\t''
containerd\t''
runc\t''"
complete -c nicon-resolve -l socket -d 'Another place to look for an engine\'s socket inside containers, before the usual ones' -r -F
complete -c nicon-resolve -l timeout -d 'How long one hop may take' -r
complete -c nicon-resolve -l translate -d 'How PIDs are translated: by the kernel (Linux 6.11), or by a scan of /proc' -r -f -a "auto\t''
ioctl\t''
scan\t''"
complete -c nicon-resolve -l pid -d 'Print bare PIDs, one a line'
complete -c nicon-resolve -s J -l json -d 'Print records even at a terminal'
complete -c nicon-resolve -s v -l verbose -d 'Tell each step on standard error'
complete -c nicon-resolve -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-resolve -s V -l version -d 'Print version'
