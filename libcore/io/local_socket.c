/* SPDX-License-Identifier: Apache-2.0 */
/* The file has mode 0600 from the moment it is there (the umask is that of the process, so the socket is bound under a
 * stricter one), and who comes is asked for besides: a directory that others may write to would let them replace the file, not
 * get in. */
#include "local_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "error.h"

bool local_socket_is(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static int make_address(const char *path, struct sockaddr_un *address, int *fd, struct cel_error *e)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path)
		return error_set(e, CEL_EUSAGE, "the path of a socket has at most %zu bytes: %.120s...",
				 sizeof address->sun_path - 1, path);
	strcpy(address->sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *fd < 0 ? error_set_errno(e, CEL_EIO, errno, "socket") : 0;
}

int local_socket_connect(const char *path, int *fd, struct cel_error *e)
{
	struct sockaddr_un address;
	int rc = make_address(path, &address, fd, e);
	if (rc < 0)
		return rc;
	if (connect(*fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return 0;
	rc = errno;
	close(*fd);
	if (rc == ECONNREFUSED)
		return error_set(e, CEL_EUNAVAILABLE, "%s: nobody listens there: is 'cel-serve --socket' running?", path);
	if (rc == EACCES)
		return error_set(e, CEL_EPERMISSION, "%s: the socket is of another user", path);
	return error_set_errno(e, CEL_EUNAVAILABLE, rc, "%s", path);
}

/* A socket that was left behind refuses connections. */
static bool is_dead(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || !local_socket_is(address->sun_path)) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool is = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
	close(fd);
	return is;
}

int local_socket_listen(const char *path, int *fd, struct cel_error *e)
{
	struct sockaddr_un address;
	int rc = make_address(path, &address, fd, e);
	if (rc < 0)
		return rc;
	if (is_dead(&address))
		unlink(path);
	mode_t mask = umask(0177);
	rc = bind(*fd, (const struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
	umask(mask);
	if (rc == 0 && listen(*fd, 16) < 0)
		rc = errno;
	if (rc == 0)
		return 0;
	close(*fd);
	if (rc == EADDRINUSE)
		return error_set(e, CEL_ECANTCREAT, "%s is there already", path);
	return error_set_errno(e, CEL_ECANTCREAT, rc, "%s", path);
}

int local_socket_accept(int listener, int *fd, struct cel_error *e)
{
	struct ucred who;
	socklen_t size = sizeof who;
	*fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (*fd < 0)
		return error_set_errno(e, errno == EINTR || errno == ECONNABORTED ? CEL_EBUSY : CEL_EIO, errno, "accept");
	if (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && (who.uid == geteuid() || who.uid == 0))
		return 0;
	close(*fd);
	return error_set(e, CEL_EPERMISSION, "a client of another user was sent away");
}
