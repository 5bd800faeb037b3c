/*
 * The other end of a connection, on Kore's (Kore 4.1 net.c, linux.c).
 */
#include <sys/socket.h>

#include <arpa/inet.h>

#include <errno.h>
#include <poll.h>

#include <kore/kore.h>

#include "peer.h"

const char *
peer_address(const struct connection *c, char out[PEER_ADDRESS_LEN])
{
	const void *address = c->family == AF_INET6
	                          ? (const void *)&c->addr.ipv6.sin6_addr
	                          : (const void *)&c->addr.ipv4.sin_addr;

	if (c->family == AF_UNIX ||
	    inet_ntop(c->family, address, out, PEER_ADDRESS_LEN) == NULL)
		return "local";
	return out;
}

/*
 * Kore takes a half-closed connection for a lost one and drops its request
 * unanswered (EPOLLRDHUP, linux.c:kore_platform_event_wait). A client that
 * has only stopped sending still gets its answer.
 */
void
peer_event(void *arg, int error)
{
	struct connection *c = arg;

	if (error) {
		struct pollfd fd = { .fd = c->fd, .events = POLLIN };

		if (poll(&fd, 1, 0) == -1 ||
		    (fd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) {
			kore_connection_disconnect(c);
			return;
		}
	}
	if (!c->handle(c))
		kore_connection_disconnect(c);
}

/* net.c:net_read, but the end of the client's bytes does not cut off an
 * answer on its way. */
int
peer_read(struct connection *c, size_t *bytes)
{
	struct netbuf *nb = c->rnb;
	ssize_t n = recv(c->fd, nb->buf + nb->s_off, nb->b_len - nb->s_off, 0);

	*bytes = 0;
	if (n > 0) {
		*bytes = (size_t)n;
		return KORE_RESULT_OK;
	}
	if (n == -1 && errno == EINTR)
		return KORE_RESULT_OK;
	c->evt.flags &= ~KORE_EVENT_READ;
	if (n == -1 && errno == EAGAIN)
		return KORE_RESULT_OK;
	if (n == -1)
		return KORE_RESULT_ERROR;
	if (TAILQ_EMPTY(&c->send_queue))
		kore_connection_disconnect(c);
	else
		c->flags |= CONN_CLOSE_EMPTY;
	return KORE_RESULT_OK;
}
