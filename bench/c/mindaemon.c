/* The least that a job daemon can do: mindaemon SOCKET JOB [ARG...]. A client sends "run" or "wait" (each ended by a
 * NUL); the daemon starts the job, and answers "ok" after the spawn or after the job's end.
 * No history, no limits, no output file, no checks: the yardstick, not a rival. */
#include "bench.h"
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

enum { RUNNING_MAX = 64 };

struct run {
	pid_t pid;   /* 0: this place is free */
	int client;  /* who waits for its end, or -1 */
};

static struct run running[RUNNING_MAX];

static void watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		die("watch", "a descriptor");
}

static int listen_on(const char *path)
{
	struct sockaddr_un at = unix_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 64) < 0)
		die("listen on", path);
	return fd;
}

/* The daemon blocks SIGCHLD and takes it from a descriptor; a job must not inherit that. */
static pid_t start(char *const job[])
{
	static posix_spawnattr_t attributes;
	static int ready;
	pid_t pid;

	if (!ready) {
		sigset_t none;
		sigemptyset(&none);
		posix_spawnattr_init(&attributes);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
		posix_spawnattr_setsigmask(&attributes, &none);
		ready = 1;
	}
	errno = posix_spawn(&pid, job[0], NULL, &attributes, job, environ);
	if (errno)
		die("start", job[0]);
	return pid;
}

/* A client that has gone away is no reason to end. */
static void answer(int client, const char *text)
{
	(void)!send(client, text, strlen(text) + 1, MSG_NOSIGNAL);
}

/* Out of the epoll set first: a job that is just being started still holds a copy of the descriptor, and with it the
 * registration, for a moment after posix_spawn has returned. */
static void drop(int epoll, int client)
{
	epoll_ctl(epoll, EPOLL_CTL_DEL, client, NULL);
	close(client);
	for (int i = 0; i < RUNNING_MAX; i++)
		if (running[i].client == client)
			running[i].client = -1;
}

static void serve(int epoll, int client, char *const job[])
{
	char request[16];
	ssize_t n = recv(client, request, sizeof request, 0);
	int i = 0;

	if (n <= 0) {
		drop(epoll, client);
		return;
	}
	while (i < RUNNING_MAX && running[i].pid)
		i++;
	if (i == RUNNING_MAX || request[n - 1] != '\0') {
		answer(client, "\"error\":\"busy, or not a request\"");
		return;
	}
	running[i].pid = start(job);
	running[i].client = strcmp(request, "wait") ? -1 : client;
	if (running[i].client < 0)
		answer(client, "ok");
}

static void reap_all(int signals)
{
	struct signalfd_siginfo info;
	pid_t pid;

	(void)!read(signals, &info, sizeof info);
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (int i = 0; i < RUNNING_MAX; i++)
			if (running[i].pid == pid) {
				running[i].pid = 0;
				if (running[i].client >= 0)
					answer(running[i].client, "ok");
			}
}

int main(int argc, char *argv[])
{
	sigset_t child;
	int epoll, signals, listener;

	if (argc < 3) {
		fputs("usage: mindaemon SOCKET JOB [ARG...]\n", stderr);
		return 64;
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	signals = signalfd(-1, &child, SFD_CLOEXEC);
	listener = listen_on(argv[1]);
	watch(epoll, signals);
	watch(epoll, listener);
	for (;;) {
		struct epoll_event event;
		if (epoll_wait(epoll, &event, 1, -1) < 1)
			continue;
		if (event.data.fd == listener)
			watch(epoll, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
		else if (event.data.fd == signals)
			reap_all(signals);
		else
			serve(epoll, event.data.fd, &argv[2]);
	}
}
