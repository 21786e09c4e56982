//! What a man page says that is not part of the command line: environment, files, and related pages.

/// The context of a program.
#[derive(Default)]
pub(crate) struct Context {
    /// Environment variables, and what they do.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// Files, and what they are for.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// Pages of other projects.
    pub(crate) related: &'static [&'static str],
}

const NETNS: (&str, &str) = ("/run/netns", "Network namespaces by name, as ip-netns(8) makes them.");

impl Context {
    /// The context of the program of this name.
    ///
    /// # Panics
    /// If the program is unknown.
    pub(crate) fn of(program: &str) -> Self {
        match program {
            "nicon" => Self { related: &["nsenter(1)", "docker-exec(1)", "tcpdump(8)", "ip(8)"], ..Self::default() },
            "nicon-resolve" => Self {
                environment: &[
                    (
                        "DOCKER_HOST",
                        "The socket of the outermost Docker, unix:///PATH, which is then the only engine that is asked there \
                         without a prefix. Unless CONTAINER_HOST is set, podman: and --engine podman ask at that socket, too, \
                         and fail if no Podman answers. Inside containers, and for engines that are asked by their files, it \
                         has no effect.",
                    ),
                    (
                        "DOCKER_CONTEXT",
                        "Unless DOCKER_HOST is set: the context of docker-context(1) whose engine is asked like that of \
                         DOCKER_HOST, instead of the one in Docker's configuration. It must be a socket of this machine. \
                         The context default stands for the usual sockets.",
                    ),
                    ("DOCKER_CONFIG", "The directory of Docker's configuration and contexts. If unset: $HOME/.docker."),
                    (
                        "CONTAINER_HOST",
                        "The socket of the outermost Podman, unix:///PATH. If unset: that of DOCKER_HOST. CONTAINER_CONNECTION is \
                         refused, and the settings remote and active_service of containers.conf are not read.",
                    ),
                    (
                        "XDG_RUNTIME_DIR, XDG_DATA_HOME, XDG_CONFIG_HOME, HOME",
                        "Where the engines of an ordinary user who calls listen, have their files, and their settings.",
                    ),
                ],
                files: &[
                    ("$HOME/.docker/config.json", "The context in use, as docker context use writes it."),
                    ("/run/docker.sock, /var/run/docker.sock", "Docker's socket, on the host and inside containers."),
                    ("/run/podman/podman.sock", "Podman's socket."),
                    (
                        "/run/user/UID",
                        "The runtime directory of a user, with the sockets and files of that user's engines.",
                    ),
                    (
                        "/etc/docker/daemon.json, $HOME/.config/docker/daemon.json",
                        "Where a Docker daemon that does not answer has its data.",
                    ),
                    (
                        "/etc/containers/storage.conf, $HOME/.config/containers/storage.conf",
                        "Where Podman has its storage.",
                    ),
                ],
                related: &["docker-context(1)", "docker-inspect(1)", "podman-inspect(1)"],
            },
            "nicon-plan" => Self::default(),
            "nicon-tree" => Self {
                environment: &[(
                    "LC_ALL, LC_CTYPE, LANG",
                    "The locale, from the first of these that is set. Unless it is a UTF-8 locale, the tree is drawn with \
                     ASCII characters.",
                )],
                related: &["dot(1)", "pstree(1)", "lsns(8)"],
                ..Self::default()
            },
            "nicon-nsid" => Self { related: &["lsns(8)", "namespaces(7)"], ..Self::default() },
            "nicon-nsfind" => {
                Self { files: &[NETNS], related: &["lsns(8)", "ip-netns(8)", "namespaces(7)"], ..Self::default() }
            }
            "nicon-nsexec" => Self {
                environment: &[("SHELL", "The program to run without COMMAND. If it is unset or empty: /bin/sh.")],
                related: &["nsenter(1)", "docker-exec(1)", "ip-netns(8)", "namespaces(7)"],
                ..Self::default()
            },
            "nicon-linkmv" => Self {
                files: &[
                    NETNS,
                    (
                        "/run/nicon",
                        "The journals of moves in progress, from which an interrupted move is completed or undone; in $XDG_RUNTIME_DIR/nicon where that cannot be written.",
                    ),
                ],
                related: &["ip-link(8)", "ip-netns(8)", "network_namespaces(7)"],
                ..Self::default()
            },
            "nicon-veth" => {
                Self { files: &[NETNS], related: &["ip-link(8)", "ip-netns(8)", "veth(4)"], ..Self::default() }
            }
            "nicon-linkadd" => Self { files: &[NETNS], related: &["ip-link(8)", "ip-netns(8)"], ..Self::default() },
            "nicon-wire" => Self {
                files: &[
                    NETNS,
                    (
                        "/run/nicon",
                        "How the links were that a plan has moved, until they are home again, and the journals of moves in progress; in $XDG_RUNTIME_DIR/nicon where that cannot be written.",
                    ),
                ],
                related: &["ip-link(8)", "ip-netns(8)", "veth(4)"],
                ..Self::default()
            },
            "nicon-links" => {
                Self { files: &[NETNS], related: &["ip-link(8)", "ip-address(8)", "ip-netns(8)"], ..Self::default() }
            }
            other => panic!("{other} has no context"),
        }
    }
}
