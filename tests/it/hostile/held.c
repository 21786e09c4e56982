/* Holds a directory for ever: reads it into memory that is a file of its own file system (FUSE), which it never serves, while another
 * process waits to make something there. Says "ready" when that one waits.
 *   held FILE DIRECTORY */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { SIZE = 1 << 16 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void answer(int server, const struct fuse_in_header *asked, int error, void *body, size_t length) {
    struct fuse_out_header header = {.len = sizeof header + length, .error = error, .unique = asked->unique};
    struct iovec parts[] = {{&header, sizeof header}, {body, length}};
    if (writev(server, parts, 2) < 0) perror("answer");
}

static void read_into(const char *file, const char *directory) {
    int memory = open(file, O_RDONLY), listed = open(directory, O_RDONLY | O_DIRECTORY);
    struct stat known;
    if (fstat(memory, &known)) fail("stat"); /* The kernel asks for the size. */
    void *buffer = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
    if (memory < 0 || listed < 0 || buffer == MAP_FAILED) fail("map");
    syscall(SYS_getdents64, listed, buffer, SIZE);
    exit(1);
}

static int waits(pid_t writer) {
    char path[64], stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", writer);
    int file = open(path, O_RDONLY);
    if (read(file, stat, sizeof stat - 1) < 0) perror(path);
    close(file);
    return strstr(stat, ") D ") != NULL;
}

/* Answers all but what is read. Returns whether that was asked. */
static int serve(int server) {
    static char request[1 << 17];
    const struct fuse_in_header *asked = (void *)request;
    if (read(server, request, sizeof request) < 0) return 0;
    struct fuse_init_out init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION, .max_write = 4096, .time_gran = 1};
    struct fuse_attr_out attributes = {.attr_valid = 1000, .attr = {.ino = 1, .size = SIZE, .mode = S_IFREG | 0644, .nlink = 1}};
    struct fuse_open_out opened = {.fh = 1};
    switch (asked->opcode) {
    case FUSE_INIT: answer(server, asked, 0, &init, sizeof init); break;
    case FUSE_GETATTR: answer(server, asked, 0, &attributes, sizeof attributes); break;
    case FUSE_OPEN: answer(server, asked, 0, &opened, sizeof opened); break;
    case FUSE_READ: return 1;
    default: answer(server, asked, -ENOSYS, NULL, 0);
    }
    return 0;
}

int main(int count, char **words) {
    char options[128], made[256];
    int server = open("/dev/fuse", O_RDWR);
    snprintf(options, sizeof options, "fd=%d,rootmode=100644,user_id=0,group_id=0", server);
    if (count < 3 || server < 0 || mount("held", words[1], "fuse.held", 0, options)) fail("mount");
    if (fork() == 0) {
        close(server); /* The file system is to end with this process. */
        read_into(words[1], words[2]);
    }
    while (!serve(server)) {}
    snprintf(made, sizeof made, "%s/made", words[2]);
    pid_t writer = fork();
    if (writer == 0) {
        close(server);
        exit(mkdir(made, 0700));
    }
    while (!waits(writer)) poll(NULL, 0, 10);
    puts("ready");
    fflush(stdout);
    for (;;) serve(server);
}
