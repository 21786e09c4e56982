/* An engine that raves, in a container: raving MODE [ID]. It answers at /run/docker.sock, each connection in a process of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char *mode, *id;

static int is(const char *name) { return strcmp(mode, name) == 0; }

static void put(const char *text) {
    for (size_t done = 0, length = strlen(text); done < length;) {
        ssize_t written = write(1, text + done, length - done);
        if (written <= 0) exit(0);
        done += written;
    }
}

static void pause_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static void answer(const char *status, const char *body) {
    char head[200];
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, strlen(body));
    put(head), put(body);
}

static void events(void) {
    if (is("no-events")) for (;;) pause();
    if (is("refuses")) { answer("404 Not Found", "{\"message\":\"page not found\"}"); return; }
    if (is("headers")) for (put("HTTP/1.1 200 OK\r\n");;) put("X-More: and more\r\n");
    if (is("ends")) { put("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"); exit(0); }
    if (is("garbage")) { put("no HTTP at all\r\n\r\n"); exit(0); }
    put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    if (is("endless")) {
        static char chunk[16386];
        memset(chunk, 'x', sizeof chunk - 3);
        chunk[sizeof chunk - 3] = '\r', chunk[sizeof chunk - 2] = '\n';
        for (;;) put("4000\r\n"), put(chunk + 1);
    }
    if (is("drips") || !strncmp(mode, "mute", 4)) for (;; pause_ms(20)) put("1\r\n{\r\n");
    if (is("floods")) for (;;) put("f\r\n{\"status\":\"a\"}\n\r\n");
    if (is("lies") || is("thief") || is("errors")) for (;; pause_ms(5)) put("f\r\n{\"status\":\"a\"}\n\r\n");
    for (;;) pause();
}

static void list(void) {
    static char body[400000];
    if (!strncmp(mode, "mute", 4)) for (;;) pause();
    size_t at = 0, count = is("lies") ? 300 : is("floods") ? 2000 : 0;
    if (is("errors")) {
        snprintf(body, sizeof body, "{\"message\":\"\\u001b[2J number %ld\\r\\nnicon-resolve: all is well\"}", random());
        answer("500 Oh", body);
        return;
    }
    at += snprintf(body, sizeof body, "[");
    if (is("thief")) at += snprintf(body + at, sizeof body - at, "{\"Id\":\"%s\",\"Names\":[\"/stolen\"]},", id);
    for (size_t n = 0; n < count; n++)
        at += snprintf(body + at, sizeof body - at, "{\"Id\":\"%032lx%032lx\",\"Names\":[\"/c%zu\"]},", random(), random(), n);
    snprintf(body + at - (at > 1), sizeof body - at, "]");
    answer("200 OK", body);
}

static void inspect(const char *path) {
    char asked[65] = "", body[400];
    sscanf(path, "/containers/%64[^/]", asked);
    snprintf(body, sizeof body, "{\"Id\":\"%s\",\"Name\":\"/%s\",\"State\":{\"Status\":\"running\",\"Running\":true,\"Pid\":1}}",
        is("thief") ? id : asked, is("thief") ? "stolen" : asked);
    answer("200 OK", body);
}

static void serve(void) {
    char line[2000], path[1000];
    for (;;) {
        *path = 0;
        for (int n = 0; fgets(line, sizeof line, stdin) && strcmp(line, "\r\n"); n++)
            if (n == 0) sscanf(line, "%*s %999s", path);
        if (!*path) exit(0);
        if (is("silent")) for (;;) pause();
        if (is("hangs-up")) exit(0);
        char *of = strstr(path, "/events") ? "/events" : strstr(path, "/containers/");
        if (of && !strcmp(of, "/events")) events();
        else if (of && !strncmp(of, "/containers/json", 16)) list();
        else if (of) inspect(of);
        else answer("404 Not Found", "{\"message\":\"page not found\"}");
    }
}

int main(int argc, char **argv) {
    mode = argv[1], id = argc > 2 ? argv[2] : "";
    signal(SIGCHLD, SIG_IGN);
    struct sockaddr_un address = {AF_UNIX, "/run/docker.sock"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 128)) return 1;
    puts("ready"), fflush(stdout);
    for (int connection; (connection = accept(listener, NULL, NULL)) >= 0; close(connection))
        if (fork() == 0) {
            dup2(connection, 0), dup2(connection, 1);
            srandom(getpid());
            serve();
        }
    return 1;
}
