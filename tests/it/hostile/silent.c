/* Serves file systems (FUSE) whose every request it reads and none it answers, but for the greeting. Not even SIGKILL ends
 * the wait of whoever asked, until this program ends. Tells each request's number (linux/fuse.h) on standard output.
 *   silent PATH MODE...    MODE: type and permissions of what PATH becomes, in octal */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

static int serve(const char *path, const char *mode) {
    char options[128];
    int server = open("/dev/fuse", O_RDWR);
    snprintf(options, sizeof options, "fd=%d,rootmode=%s,user_id=0,group_id=0,default_permissions", server, mode);
    if (server < 0 || mount("silent", path, "fuse.silent", 0, options)) {
        perror(path);
        exit(1);
    }
    return server;
}

static void greet(int server, const struct fuse_in_header *asked) {
    struct {
        struct fuse_out_header header;
        struct fuse_init_out init;
    } answer = {
        .header = {.len = sizeof answer, .unique = asked->unique},
        .init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096, .time_gran = 1},
    };
    if (write(server, &answer, sizeof answer) < 0) perror("greet");
}

int main(int count, char **words) {
    struct pollfd servers[8];
    int used = 0;
    for (int i = 1; i + 1 < count && used < 8; i += 2)
        servers[used++] = (struct pollfd){.fd = serve(words[i], words[i + 1]), .events = POLLIN};
    puts("ready");
    fflush(stdout);
    while (poll(servers, used, -1) > 0) {
        for (int i = 0; i < used; i++) {
            static char request[1 << 17];
            const struct fuse_in_header *asked = (void *)request;
            if (!(servers[i].revents & POLLIN) || read(servers[i].fd, request, sizeof request) < 0) continue;
            if (asked->opcode == FUSE_INIT) greet(servers[i].fd, asked);
            else printf("asked %u\n", asked->opcode);
            fflush(stdout);
        }
    }
    return 0;
}
