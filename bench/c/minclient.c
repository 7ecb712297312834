/* The client of mindaemon: minclient SOCKET run|wait. It returns when the daemon has answered. */
#include "bench.h"

int main(int argc, char *argv[])
{
	char reply[64];
	int fd;

	if (argc != 3) {
		fputs("usage: minclient SOCKET run|wait\n", stderr);
		return 64;
	}
	fd = unix_connect(argv[1]);
	send_frame(fd, argv[2]);
	receive_frame(fd, reply, sizeof reply);
	return strcmp(reply, "ok") != 0;
}
