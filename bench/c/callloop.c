/* callloop START_NS DURATION_MS RUNS_MAX SOCKET REQUEST: one connection, one call after the other, each when the one
 * before has been answered, until the time or the number of runs is reached (0: no such bound).
 * Prints "runs elapsed_ns". A frame ends with a NUL, so it speaks Varlink to ebbd and plain words to mindaemon. */
#include "bench.h"

int main(int argc, char *argv[])
{
	static char reply[1 << 20];
	int64_t start_ns, duration_ns, runs_max, runs = 0;
	int fd;

	if (argc != 6) {
		fputs("usage: callloop START_NS DURATION_MS RUNS_MAX SOCKET REQUEST\n", stderr);
		return 64;
	}
	start_ns = atoll(argv[1]), duration_ns = atoll(argv[2]) * 1000000, runs_max = atoll(argv[3]);
	fd = unix_connect(argv[4]);
	sleep_until(start_ns);
	start_ns = now_ns();
	do {
		send_frame(fd, argv[5]);
		receive_frame(fd, reply, sizeof reply);
		if (strstr(reply, "\"error\":\"")) {
			fprintf(stderr, "bench: refused: %s\n", reply);
			return 70;
		}
		runs++;
	} while ((!duration_ns || now_ns() < start_ns + duration_ns) && (!runs_max || runs < runs_max));
	printf("%lld %lld\n", (long long)runs, (long long)(now_ns() - start_ns));
	return 0;
}
