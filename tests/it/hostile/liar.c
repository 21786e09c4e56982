/* An engine that says what it is told to, as whoever runs it.
 *   liar listen SOCKET ANSWER [WORD...]  answers whatever it is asked with a file, or never ("-")
 *   liar activated ANSWER                the same, at the socket that systemd hands over
 *   liar change SOCKET ANSWER USER HOW   is root at first and, of one answer or several, USER: see `answer_as`
 *   liar become SOCKET ANSWER PROGRAM    answers once, by becoming PROGRAM say ANSWER
 *   liar say ANSWER                      becomes the user whom it belongs to, writes the file to standard output, and waits
 *   liar only-listen                     listens at its standard input, and does no more */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
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

/* Writes a file, its first byte or all but that. */
static void write_part(const char *path, int to, int is_first, int is_rest) {
    static char text[1 << 16];
    int file = open(path, O_RDONLY);
    ssize_t length = read(file, text, sizeof text);
    if (length < 1 || write(to, text + !is_first, is_rest ? length - !is_first : 1) < 0) perror(path);
    close(file);
}

static void write_file(const char *path, int to) { write_part(path, to, 1, 1); }

/* Sends the first byte of a file, and an open file with it. */
static void send_with_file(const char *path, int to) {
    char byte, control[CMSG_SPACE(sizeof(int))] = {0};
    int file = open(path, O_RDONLY);
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof file);
    if (read(file, &byte, 1) != 1 || sendmsg(to, &message, 0) != 1) perror("sendmsg");
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

static void become(uid_t user, uid_t saved) {
    if (setresuid(user, user, saved)) failed("setresuid");
}

/* Whoever asks looks at us meanwhile. */
static void let_look(void) { usleep(300000); }

/* Answers one question of several. The user is who answers,
 *   before   from then on;
 *   once     and root again behind each answer;
 *   fifth    from the fifth answer on;
 *   rest     but for the first byte;
 *   child    but for the first byte, in another process;
 *   nobody   in no case: there is an open file with the first byte. */
static void answer_as(const char *how, uid_t user, const char *answer, int stream) {
    static int answered;
    answered++;
    if (!strcmp(how, "before")) {
        let_look();
        become(user, user);
    }
    if (!strcmp(how, "once")) {
        let_look();
        become(user, 0);
    }
    if (!strcmp(how, "fifth") && answered == 5) become(user, user);
    if (strcmp(how, "rest") && strcmp(how, "child") && strcmp(how, "nobody")) {
        write_file(answer, stream);
    } else {
        if (strcmp(how, "nobody")) write_part(answer, stream, 1, 0);
        else send_with_file(answer, stream);
        if (!strcmp(how, "child")) {
            if (fork() == 0) {
                become(user, user);
                write_part(answer, stream, 0, 1);
                exit(0);
            }
            wait(NULL);
        } else {
            if (!strcmp(how, "rest")) become(user, 0);
            write_part(answer, stream, 0, 1);
        }
    }
    if (!strcmp(how, "once") || !strcmp(how, "rest")) become(0, 0);
}

/* One process for all connections. */
static void change(int server, const char *answer, uid_t user, const char *how) {
    struct pollfd files[9] = {{server, POLLIN, 0}};
    int count = 1;
    for (;;) {
        if (poll(files, count, -1) < 0) failed("poll");
        for (int i = count - 1; i > 0; i--) {
            if (!files[i].revents) continue;
            if (was_asked(files[i].fd)) {
                answer_as(how, user, answer, files[i].fd);
            } else {
                close(files[i].fd);
                files[i] = files[--count];
            }
        }
        if (files[0].revents && count < 9) {
            int stream = accept(server, NULL, NULL);
            if (stream < 0) failed("accept");
            files[count++] = (struct pollfd){stream, POLLIN, 0};
        }
    }
}

int main(int count, char **words) {
    const char *what = count > 1 ? words[1] : "";
    if (count > 3 && !strcmp(what, "listen")) serve(listen_at(words[2]), words[3]);
    if (count > 2 && !strcmp(what, "activated")) serve(3, words[2]);
    if (count > 5 && !strcmp(what, "change")) change(listen_at(words[2]), words[3], atoi(words[4]), words[5]);
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
