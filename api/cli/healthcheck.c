/*
 * gusp healthcheck: is the API ready? One GET over a socket, so that an image
 * needs no other program for it.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli.h"

#define TIMEOUT_S 3

/* http://host[:port][/path]; an IPv6 address stands in brackets. */
struct url {
	const char *text;
	char host[256], port[6];
	const char *path;
};

static bool
read_url(const char *text, struct url *out)
{
	static const char scheme[] = "http://";
	size_t len;

	out->text = text;
	if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
		return false;
	text += sizeof(scheme) - 1;
	bool brackets = *text == '[';

	text += brackets;
	len = strcspn(text, brackets ? "]" : ":/");
	if (len == 0 || len >= sizeof(out->host))
		return false;
	memcpy(out->host, text, len);
	out->host[len] = '\0';
	text += len + (brackets && text[len] == ']');
	strcpy(out->port, "80");
	if (*text == ':') {
		len = strcspn(++text, "/");
		if (len == 0 || len >= sizeof(out->port))
			return false;
		memcpy(out->port, text, len);
		out->port[len] = '\0';
		text += len;
	}
	out->path = *text == '\0' ? "/readyz" : text;
	return *out->path == '/';
}

static int
dial(const struct url *url)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct addrinfo *found = NULL;
	int fd = -1;

	if (getaddrinfo(url->host, url->port, &hints, &found) != 0)
		return -1;
	for (const struct addrinfo *a = found; a != NULL && fd == -1;
	     a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC,
		    a->ai_protocol);
		if (fd == -1)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int
healthcheck_run(int argc, char **argv)
{
	static const char good[] = "HTTP/1.1 200 ";
	struct url url;
	char request[1024], reply[sizeof(good)] = "";
	size_t got = 0;
	ssize_t n;

	if (argc > 2 ||
	    !read_url(argc == 2 ? argv[1]
	                        : setting("GUSP_HEALTH_URL",
	                              "http://127.0.0.1:8080/readyz"),
	        &url))
		return usage(argv[0]);
	int len = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
	    url.path, url.host);
	int fd = dial(&url);

	if (fd == -1 || len < 0 || (size_t)len >= sizeof(request) ||
	    send(fd, request, (size_t)len, MSG_NOSIGNAL) != len)
		die("pas de réponse de %s", "no answer from %s", url.text);
	while (got < sizeof(good) - 1 &&
	       (n = recv(fd, reply + got, sizeof(good) - 1 - got, 0)) > 0)
		got += (size_t)n;
	close(fd);
	if (strncmp(reply, good, sizeof(good) - 1) != 0)
		die("%s : l'API n'est pas prête (%s)",
		    "%s: the API is not ready (%s)", url.text,
		    got == 0 ? "-" : reply);
	return EXIT_DONE;
}
