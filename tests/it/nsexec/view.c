/* The only file of a container's image: answers each connection to port 8080 with "hello". In its debugging information it asks gdb to run
 * a script, which makes a file on the machine. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

__asm__(".pushsection \".debug_gdb_scripts\", \"MS\",@progbits,1\n"
        ".byte 4\n"
        ".ascii \"gdb.inlined-script\\n\"\n"
        ".ascii \"open('/run/made-by-gdb', 'w').close()\\n\"\n"
        ".byte 0\n"
        ".popsection\n");

int main(void) {
    static const char answer[] = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int listening = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listening, (struct sockaddr *)&any, sizeof any) || listen(listening, 8)) return 1;
    for (;;) {
        char request[4096];
        int client = accept(listening, NULL, NULL);
        if (client < 0) continue;
        if (read(client, request, sizeof request) > 0) (void)!write(client, answer, sizeof answer - 1);
        close(client);
    }
}
