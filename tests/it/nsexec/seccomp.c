/* Targets whose filters are to be read.
 *
 *   busy    counts signals of the number 40, asleep in a system call, until SIGTERM; then tells how many
 *   vfork   waits in the kernel, where nothing stops it, for a child that ends with it
 *
 * Says "ready" when it is. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static volatile sig_atomic_t count, is_over;

static void counting(int signal)
{
	(void)signal;
	count++;
}

static void ending(int signal)
{
	(void)signal;
	is_over = 1;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc > 1 && strcmp(argv[1], "vfork") == 0) {
		puts("ready");
		if (vfork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		return 1;
	}
	signal(40, counting);
	signal(SIGTERM, ending);
	puts("ready");
	while (!is_over)
		usleep(1000);
	printf("%d\n", (int)count);
	return 0;
}
