/* An engine that says what it is told to, as whoever runs it.
 *   liar listen SOCKET ANSWER [WORD...]  answers whatever it is asked with a file, or never ("-")
 *   liar activated ANSWER                the same, at the socket that systemd hands over
 *   liar drop SOCKET ANSWER USER [back]  was root when it listened, and is USER when it answers; and then root again
 *   liar become SOCKET ANSWER PROGRAM    answers once, by becoming PROGRAM say ANSWER
 *   liar say ANSWER                      becomes the user whom it belongs to, writes the file to standard output, and waits
 *   liar only-listen                     listens at its standard input, and does no more */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int failed(const char *what) {
    perror(what);
    exit(1);
}

static int listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (bind(server, (void *)&address, sizeof address) || listen(server, 8)) failed(path);
    return server;
}

static void write_file(const char *path, int to) {
    static char text[1 << 16];
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, text, sizeof text);
    if (length < 0 || write(to, text, length) < 0) perror(path);
    close(file);
}

/* Reads a request; 0 at the end. */
static int was_asked(int stream) {
    static char request[1 << 16];
    size_t length = 0;
    while (length < sizeof request - 1) {
        ssize_t more = read(stream, request + length, sizeof request - 1 - length);
        if (more <= 0) return 0;
        length += more;
        request[length] = 0;
        if (strstr(request, "\r\n\r\n")) return 1;
    }
    return 0;
}

static void serve(int server, const char *answer) {
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int stream = accept(server, NULL, NULL);
        if (stream < 0) failed("accept");
        if (fork() == 0) {
            while (was_asked(stream))
                if (strcmp(answer, "-")) write_file(answer, stream);
            exit(0);
        }
        close(stream);
    }
}

static void drop(int server, const char *answer, uid_t user, int goes_back) {
    for (;;) {
        int stream = accept(server, NULL, NULL);
        if (stream < 0) failed("accept");
        while (was_asked(stream)) {
            /* Whoever asks looks at us meanwhile. */
            usleep(300000);
            if (setresuid(user, user, goes_back ? 0 : user)) failed("setresuid");
            write_file(answer, stream);
            if (goes_back && setresuid(0, 0, 0)) failed("setresuid");
        }
        close(stream);
    }
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    if (count > 3 && !strcmp(what, "listen")) serve(listen_at(words[2]), words[3]);
    if (count > 2 && !strcmp(what, "activated")) serve(3, words[2]);
    if (count > 4 && !strcmp(what, "drop")) drop(listen_at(words[2]), words[3], atoi(words[4]), count > 5);
    if (count > 4 && !strcmp(what, "become")) {
        int stream = accept(listen_at(words[2]), NULL, NULL);
        if (stream < 0 || !was_asked(stream) || dup2(stream, 1) < 0) failed("accept");
        execl(words[4], "liar", "say", words[3], NULL);
        failed(words[4]);
    }
    if (count > 2 && !strcmp(what, "say")) {
        if (setuid(geteuid())) failed("setuid");
        write_file(words[2], 1);
        pause();
    }
    if (!strcmp(what, "only-listen")) {
        if (listen(0, 8)) failed("listen");
        pause();
    }
    fprintf(stderr, "liar: what?\n");
    return 2;
}
