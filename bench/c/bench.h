/* What the harness programs share: the clock, the end on an error, a plain posix_spawn, a plain unix socket.
 * Knows nothing of ebb. */
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Nanoseconds of CLOCK_MONOTONIC, the one clock of the whole bench. */
static inline int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline _Noreturn void die(const char *tried, const char *on_what)
{
	fprintf(stderr, "bench: %s %s: %s\n", tried, on_what, strerror(errno));
	exit(70);
}

/* Sleeps until an instant of CLOCK_MONOTONIC; one that has passed does not sleep. */
static inline void sleep_until(int64_t at_ns)
{
	struct timespec t = { at_ns / 1000000000, at_ns % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) { }
}

/* Starts argv with standard output on /dev/null. argv[0] is a path. */
static inline pid_t spawn_quiet(char *const argv[])
{
	static posix_spawn_file_actions_t actions;
	static int ready;
	pid_t pid;

	if (!ready) {
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
		ready = 1;
	}
	errno = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
	if (errno)
		die("start", argv[0]);
	return pid;
}

/* Waits for the end of a child; ends the harness if the child did not succeed. */
static inline void reap(pid_t pid, const char *name)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("wait for", name);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench: %s failed, %s %d\n", name, WIFEXITED(status) ? "exit code" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
		exit(70);
	}
}

static inline struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof at.sun_path) {
		errno = ENAMETOOLONG;
		die("use the socket", path);
	}
	strcpy(at.sun_path, path);
	return at;
}

static inline int unix_connect(const char *path)
{
	struct sockaddr_un at = unix_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
		die("connect to", path);
	return fd;
}

/* Sends a string together with the NUL that ends it: the frame of Varlink, and of the minimal daemon. */
static inline void send_frame(int fd, const char *text)
{
	size_t length = strlen(text) + 1;

	if (send(fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
		die("send", text);
}

/* Receives one frame into text. The peer sends nothing unasked, so the NUL is the last byte that can arrive. */
static inline void receive_frame(int fd, char *text, size_t capacity)
{
	size_t have = 0;

	do {
		ssize_t n = recv(fd, text + have, capacity - have, 0);
		if (n <= 0) {
			if (n == 0)
				errno = ECONNRESET;
			die("receive", "a reply");
		}
		have += (size_t)n;
	} while (text[have - 1] != '\0' && have < capacity);
	if (text[have - 1] != '\0') {
		errno = EMSGSIZE;
		die("receive", "a reply");
	}
}

#endif
