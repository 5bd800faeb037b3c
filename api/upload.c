/*
 * Uploads, one after the other: a turn, the bytes, what they are, what is
 * taken out of them.
 */
#include <sys/mman.h>
#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>

#include <kore/http.h>

#include <openssl/evp.h>

#include "upload.h"

#include "content.h"
#include "log.h"
#include "storage.h"
#include "strip.h"

struct upload {
	struct exchange *x;   /* NULL once it is over */
	struct db_call *call; /* owned; then only */
	bool queued, running;
	unsigned char *bytes; /* Kore's, or mapped */
	size_t len, mapped;   /* mapped: 0 if they are Kore's */
	TAILQ_ENTRY(upload) next;
};

static TAILQ_HEAD(upload_queue, upload) queue = TAILQ_HEAD_INITIALIZER(queue);
static size_t running;

static bool take_turn(struct upload *u);
static void give_turn(struct upload *u);
static bool open_body(struct upload *u);
static enum next clean(struct exchange *x, struct upload *u, enum content is);

static struct upload *
upload_of(struct exchange *x)
{
	if (x->upload == NULL) {
		x->upload = calloc(1, sizeof(*x->upload));
		if (x->upload == NULL)
			fatal("upload: out of memory");
		x->upload->x = x;
	}
	return x->upload;
}

enum next
upload_receive(struct exchange *x)
{
	enum content declared;
	struct upload *u;

	if (x->op->body_kind != BODY_UPLOAD)
		return NEXT;
	declared = content_named(x->in.headers[HEADER_CONTENT_TYPE]);
	if (declared == N_CONTENTS)
		return refuse(x, "unsupported_media_type",
		    "image/jpeg, image/png, image/webp, application/pdf");
	if (x->req->http_body_length == 0)
		return refuse(x, "body_missing", NULL);
	u = upload_of(x);
	if (!take_turn(u))
		return WAIT;
	if (!open_body(u))
		return refuse(x, "internal", NULL);
	if (!content_is(declared, u->bytes, u->len))
		return refuse(
		    x, "media_type_mismatch", content_types[declared]);
	return clean(x, u, declared);
}

const unsigned char *
upload_bytes(const struct upload *u, size_t *len)
{
	*len = u->len;
	return u->bytes;
}

static bool
take_turn(struct upload *u)
{
	if (u->running)
		return true;
	if (u->queued)
		return false;
	if (running < UPLOADS_AT_ONCE) {
		running++;
		u->running = true;
		return true;
	}
	u->queued = true;
	TAILQ_INSERT_TAIL(&queue, u, next);
	return false;
}

/* From a timer that is due at once: who is woken in the middle of Kore's
 * round over its requests would wait for the next (KORE 6). */
static void
call_next(void *arg, uint64_t now)
{
	struct upload *u;

	(void)arg;
	(void)now;
	while (running < UPLOADS_AT_ONCE && (u = TAILQ_FIRST(&queue)) != NULL) {
		TAILQ_REMOVE(&queue, u, next);
		u->queued = false;
		u->running = true;
		running++;
		exchange_wake(u->x);
	}
}

static void
give_turn(struct upload *u)
{
	if (u->queued)
		TAILQ_REMOVE(&queue, u, next);
	if (u->running)
		running--;
	u->queued = u->running = false;
	if (!TAILQ_EMPTY(&queue))
		kore_timer_add(call_next, 0, NULL, KORE_TIMER_ONESHOT);
}

/* Changes stay ours: the file is mapped privately. */
static bool
open_body(struct upload *u)
{
	struct http_request *req = u->x->req;
	void *at;

	u->len = req->http_body_length;
	if (req->http_body_fd == -1) {
		u->bytes = req->http_body->data;
		return true;
	}
	at = mmap(NULL, u->len, PROT_READ | PROT_WRITE, MAP_PRIVATE,
	    req->http_body_fd, 0);
	if (at == MAP_FAILED) {
		log_error("upload_map", LOG_STR("why", strerror(errno)));
		return false;
	}
	u->bytes = at;
	u->mapped = u->len;
	return true;
}

static const char *
sha256_of(const struct upload *u, struct mem *mem)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char *hex = mem_take(mem, 65);

	EVP_Digest(u->bytes, u->len, digest, &len, EVP_sha256(), NULL);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return hex;
}

/* A PDF has no size in pixels. */
static const char *
number(struct mem *mem, unsigned long n)
{
	return n == 0 ? NULL : mem_print(mem, "%lu", n);
}

static enum next
clean(struct exchange *x, struct upload *u, enum content is)
{
	struct stripped found;

	if (!strip(is, u->bytes, u->len, &found)) {
		if (found.what != NULL)
			log_info(
			    "upload_malformed", LOG_STR("what", found.what));
		return refuse(x, found.code, NULL);
	}
	u->len = found.len;
	args_set(&x->args, "media_type", content_types[is]);
	args_set(&x->args, "size", mem_print(&x->mem, "%zu", u->len));
	args_set(&x->args, "sha256", sha256_of(u, &x->mem));
	args_set(&x->args, "stripped", found.changed ? "true" : "false");
	args_set(&x->args, "width", number(&x->mem, found.width));
	args_set(&x->args, "height", number(&x->mem, found.height));
	return NEXT;
}

/* A mapped file would stay on disk although its request has ended. What is
 * under way to PostgreSQL was copied (storage.h). */
static void
close_body(struct upload *u)
{
	if (u->mapped > 0)
		(void)munmap(u->bytes, u->mapped);
	u->bytes = NULL;
	u->mapped = 0;
}

static void
upload_free(struct upload *u)
{
	db_drop(u->call);
	give_turn(u);
	free(u);
}

void
upload_wake(void *arg)
{
	struct upload *u = arg;

	if (u->x != NULL)
		exchange_wake(u->x);
	else
		upload_free(u);
}

void
upload_leave(struct exchange *x)
{
	struct upload *u = x->upload;
	const struct arg *sha256 = args_find(&x->args, "sha256");

	if (u == NULL)
		return;
	x->upload = NULL;
	u->x = NULL;
	close_body(u);
	if (x->call != NULL && x->call->state == DB_WAITING) {
		u->call = x->call;
		x->call = NULL;
		return;
	}
	if (sha256 != NULL && (x->call == NULL || x->call->state != DB_DONE))
		storage_drop(sha256->value);
	upload_free(u);
}
