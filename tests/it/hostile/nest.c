/* An engine that feigns a nest: in its only container there is another such engine, and so on. It takes its time with each
 * answer, and lies about nothing else: the processes are there, and this program poses as the shim of all.
 *   nest MILLISECONDS ID...      one container an ID */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { MOST = 100 };

/* The engine of this number listens in a root directory of its own. */
static int listens(int number, char *root, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(root, size, "/run/nest-%d", number);
    if (number == 0) root[0] = 0;
    else mkdir(root, 0755);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/run", root);
    mkdir(address.sun_path, 0755);
    strcat(address.sun_path, "/docker.sock");
    int engine = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(engine, (void *)&address, sizeof address) || listen(engine, 64)) {
        perror(address.sun_path);
        exit(1);
    }
    return engine;
}

int main(int count, char **words) {
    struct pollfd fds[4 * MOST];
    int number_of[4 * MOST], pids[MOST], used = 0, delay = atoi(words[1]), nest = count - 2;
    for (int number = 0; number <= nest && number < MOST; number++) {
        char root[64];
        fds[used] = (struct pollfd){.fd = listens(number, root, sizeof root), .events = POLLIN};
        number_of[used++] = number;
        if (number == 0) continue;
        if ((pids[number] = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (chroot(root) || chdir("/")) _exit(1);
            for (;;) pause();
        }
    }
    int engines = used;
    puts("ready");
    fflush(stdout);
    while (poll(fds, used, -1) > 0) {
        for (int i = 0; i < used; i++) {
            if (!fds[i].revents) continue;
            int inner = number_of[i] + 1;
            if (i < engines) {
                if (used < 4 * MOST) {
                    fds[used] = (struct pollfd){.fd = accept(fds[i].fd, 0, 0), .events = POLLIN};
                    number_of[used++] = number_of[i];
                }
                continue;
            }
            char asked[8192] = "", said[4096] = "[]", answer[8192];
            if (read(fds[i].fd, asked, sizeof asked - 1) <= 0) {
                close(fds[i].fd);
                fds[i].fd = -1;
                continue;
            }
            const char *id = inner <= nest ? words[inner + 1] : "";
            if (inner <= nest && strstr(asked, "/containers/json"))
                snprintf(said, sizeof said, "[{\"Id\":\"%s\",\"Names\":[\"/c\"]}]", id);
            else if (inner <= nest)
                snprintf(said, sizeof said,
                         "{\"Id\":\"%s\",\"Name\":\"/c\",\"State\":{\"Status\":\"running\",\"Running\":true,\"Pid\":%d}}", id,
                         pids[inner]);
            usleep(delay * 1000);
            snprintf(answer, sizeof answer,
                     "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(said), said);
            if (write(fds[i].fd, answer, strlen(answer)) < 0) perror("answer");
        }
    }
    return 0;
}
