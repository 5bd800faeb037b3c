/*
 * The contract: the OpenAPI document as the server understands it.
 *
 * Read once, before workers fork; read-only after. What it does not
 * understand stops the start, with the reason: an unknown keyword, an
 * operation without roles, an unbounded string, a list without a page.
 */
#ifndef GUSP_CONTRACT_H
#define GUSP_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "input.h"

struct schema;
struct statement;
struct exchange;

enum role {
	ROLE_CITY,
	ROLE_BAILLEUR,
	ROLE_ASSOCIATION,
	ROLE_INSTITUTION,
	ROLE_FACILITATOR,
	ROLE_AUDITOR,
	ROLE_ADMIN,
	N_ROLES
};

/* "city", "bailleur", ... indexed by enum role (contract.c). */
extern const char *const role_names[N_ROLES];

enum place {
	IN_PATH,
	IN_QUERY,
	IN_HEADER
};

struct parameter {
	const char *name; /* as in the contract; headers in lower case */
	enum place in;
	bool required;
	bool list; /* schema type array: comma separated in the query */
	const struct schema *schema;
	const char *fallback; /* schema default as text, or NULL */
	const char *pg_type;  /* uuid, text, bigint, boolean, date,
	                         timestamptz, numeric, or one with [] */
};

enum body_kind {
	BODY_NONE,
	BODY_JSON,        /* application/json */
	BODY_MERGE_PATCH, /* application/merge-patch+json */
	BODY_FORM,        /* application/x-www-form-urlencoded, read natively */
	BODY_TEXT,        /* text/plain, read natively */
	BODY_UPLOAD       /* x-upload: any of its media types, up to 10 MiB */
};

/* A sort order of a paged list: its name and the PostgreSQL types of its key
 * columns, the last of which is the unique one. */
struct sort {
	const char *name;
	const char *types[4];
	size_t n_types;
};

struct operation {
	const char *id;   /* operationId */
	const char *path; /* template: /v1/sites/{id} */
	enum method method;
	struct parameter *parameters; /* contract order; path ones first */
	size_t n_parameters;
	enum body_kind body_kind;
	const struct schema *body; /* NULL unless JSON or merge patch */
	bool body_required;
	size_t body_max;
	bool public;         /* security: [] */
	unsigned roles;      /* bit 1u << enum role */
	const char **scopes; /* all are needed */
	size_t n_scopes;
	bool if_match;   /* declares If-Match: required */
	bool idempotent; /* declares Idempotency-Key: required */
	bool download;   /* x-download: answers bytes (download.h) */
	bool stream;     /* x-stream: answers slice after slice (slices.h) */
	bool bytes;      /* answers application/octet-stream: a bytea */
	/* x-also: the operation that answers instead where its media type is
	   asked for and this one's is not; or NULL. */
	const char *also_id;
	const struct operation *also;
	bool leaf;          /* x-leaf: says which leaf of the ledger it made */
	bool private;       /* x-private: personal data, on a lane of its own;
	                       its body is kept with no key and by no cache */
	bool paged;         /* x-page: answers {"items","next_cursor"} */
	const char *map;    /* x-map: the list that this one shows as GeoJSON,
	                       by the same statement; or NULL */
	struct sort *sorts; /* by value of the parameter sort; [0] is default */
	size_t n_sorts;
	int success;            /* its 2xx status */
	const char *media_type; /* of the 2xx answer; NULL: none, or several */
	size_t index;           /* position in contract.operations: metrics */
	/* Exactly one of these, set by statements_load() and native_bind(). */
	const struct statement *statement;
	const void *native;
};

struct contract {
	struct operation *operations;
	size_t n_operations;
	json_t *document; /* the whole bundle */
	char *text;       /* its bytes, as served at /openapi.json */
	size_t text_len;
};

extern struct contract contract;

/* Load the bundle at path into contract; false with the reason. */
bool contract_load(const char *path, char *why, size_t why_len);

#endif
