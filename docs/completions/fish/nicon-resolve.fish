complete -c nicon-resolve -l engine -d 'Ask only this engine; a path can choose per name: podman:web.docker:db' -r -f -a "auto\t'All that are present'
docker\t''
podman\t''
containerd\t''
crun\t''
runc\t''
lxc\t''
incus\t''
machine\t''"
complete -c nicon-resolve -l socket -d 'Look for an engine\'s socket here first, inside containers (for the host\'s own engine: `DOCKER_HOST`)' -r -F
complete -c nicon-resolve -l timeout -d 'How long one hop may take' -r
complete -c nicon-resolve -l wait -d 'Wait up to SECONDS for containers that are not there yet; each by its path' -r
complete -c nicon-resolve -l translate -d 'How to translate PIDs: ask the kernel (Linux 6.11), or scan /proc' -r -f -a "auto\t''
ioctl\t''
scan\t''"
complete -c nicon-resolve -l pid -d 'Print bare PIDs, one a line'
complete -c nicon-resolve -s J -l json -d 'Print records even at a terminal'
complete -c nicon-resolve -s w -l watch -d 'Keep running: print what is there, and then what arrives, changes or goes, until the reader leaves'
complete -c nicon-resolve -s v -l verbose -d 'Report each step on standard error'
complete -c nicon-resolve -s h -l help -d 'Print help (see more with \'--help\')'
complete -c nicon-resolve -s V -l version -d 'Print version'
