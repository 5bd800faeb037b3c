/*
 * The client behind an OAuth request. Failures are counted against the
 * address they come from, and an address that failed too often is not heard.
 */
#include <string.h>

#include "client.h"
#include "clock.h"
#include "config.h"
#include "keys.h"
#include "log.h"
#include "oauth_reply.h"
#include "rate.h"

static bool
is_true(const char *text)
{
	return text != NULL && text[0] == 't';
}

static void
read_client(struct exchange *x, size_t result, struct client *out)
{
	*out = (struct client){
		.live = is_true(oauth_column(x, result, "live")),
		.member_live = is_true(oauth_column(x, result, "member_live")),
		.id = oauth_column(x, result, "id"),
		.membership = oauth_column(x, result, "membership_id"),
		.actor = oauth_column(x, result, "actor_id"),
		.role = oauth_column(x, result, "role"),
		.jti = oauth_column(x, result, "jti"),
		.scopes = oauth_column(x, result, "scopes"),
		.secrets = oauth_column(x, result, "secrets"),
		.keys = oauth_column(x, result, "keys"),
		.issued_from = oauth_column(x, result, "issued_from"),
	};
}

/* A client that is not believed; counted against its address. */
static enum next
disbelieve(struct exchange *x, const struct credentials *given, const char *why)
{
	struct rate rate;

	rate_take("token", x->address, config.token_rate_per_minute, &rate);
	log_warning("client_refused", LOG_STR("client_id", given->client),
	    LOG_STR("why", why));
	return oauth_fault(x, "invalid_client", "client authentication failed");
}

/* Whether an address has failed too often; it is not even heard then. */
static bool
exhausted(struct exchange *x)
{
	struct rate rate;

	rate_peek("token", x->address, config.token_rate_per_minute, &rate);
	if (!rate.exceeded)
		return false;
	oauth_fail(x, "rate_exceeded", (int)rate.reset_s);
	return true;
}

/* The secret is judged here; an assertion is, and then noted. */
static enum next
judge(struct exchange *x, const struct credentials *given,
    const struct client *client)
{
	const struct signer *signer = keys_signer();
	const struct assertion_rules rules = {
		.issuer = config.issuer,
		.decoy = signer == NULL ? NULL : signer->public_pem,
		.now_s = clock_now_s(),
	};
	const char *why = "secret", *jti;
	int64_t expires_s;

	if (given->secret != NULL)
		return credentials_secret(given, client->secrets) &&
		               client->live
		           ? NEXT
		           : disbelieve(x, given, why);
	if (!credentials_assertion(
	        given, client->keys, &rules, &x->mem, &jti, &expires_s, &why) ||
	    !client->live)
		return disbelieve(x, given, why);
	args_set(&x->args, "jti", jti);
	args_set(&x->args, "expires",
	    mem_print(&x->mem, "%lld", (long long)expires_s));
	return oauth_ask(x, "oauth_assertion", "oauth_client", CLIENT_NOTED);
}

enum next
client_authenticate(
    struct exchange *x, struct form *form, struct client *client)
{
	struct credentials given;
	const char *why;
	enum next next;

	if (x->phase == CLIENT_ASK && exhausted(x))
		return REFUSE;
	if (!form_read(&x->in, &x->mem, form, &why) ||
	    !credentials_read(&x->in, form, &x->mem, &given, &why))
		return oauth_fault(x, "invalid_request", why);
	if (given.secret == NULL && given.assertion == NULL)
		return disbelieve(x, &given, "no credentials");
	args_set(&x->args, "client", mem_print(&x->mem, "%s", given.client));
	if (x->phase == CLIENT_ASK)
		return oauth_ask(x, "oauth_client", NULL, CLIENT_JUDGE);
	if ((next = oauth_answered(x)) != NEXT)
		return next;
	if (x->phase == CLIENT_JUDGE) {
		read_client(x, 0, client);
		return judge(x, &given, client);
	}
	if (x->phase == CLIENT_NOTED) {
		read_client(x, 1, client);
		if (PQntuples(x->call->results[0]) == 0)
			return disbelieve(x, &given, "replayed");
		if (!client->live)
			return disbelieve(x, &given, "not live");
	}
	return NEXT;
}
