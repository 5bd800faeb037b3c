/*
 * The ledger's tree: hashes, roots and proofs of RFC 6962, as RFC 9162 2.1
 * verifies them. No I/O, no state, nothing of the database.
 *
 * This and ledger_note.h are all that who signs (gusp tend) and who checks
 * (gusp verify) have in common.
 */
#ifndef GUSP_LEDGER_TREE_H
#define GUSP_LEDGER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_LEN 32

struct hash {
	unsigned char bytes[HASH_LEN];
};

bool hash_equal(const struct hash *a, const struct hash *b);

/* SHA-256(0x00 || leaf) and SHA-256(0x01 || left || right). */
void tree_leaf(const void *leaf, size_t len, struct hash *out);
void
tree_node(const struct hash *left, const struct hash *right, struct hash *out);

/*
 * A tree that grows, without its leaves: the roots of the perfect subtrees
 * that it is made of, the largest first, one for each bit of the size. All
 * zeroes is the empty tree.
 */
#define FRONTIER_MAX 64

struct frontier {
	uint64_t size;
	struct hash at[FRONTIER_MAX];
};

/* How many hashes of at are in use. */
size_t frontier_len(const struct frontier *frontier);

/* Append a leaf by its hash. */
void frontier_add(struct frontier *frontier, const struct hash *leaf);

/* The root; that of the empty tree is SHA-256 of nothing. */
void frontier_root(const struct frontier *frontier, struct hash *root);

/* Hashes in the order of RFC 6962 2.1.1 and 2.1.2: the lowest first. */
#define PROOF_MAX 65

struct proof {
	struct hash at[PROOF_MAX];
	size_t n;
};

/*
 * Where proofs are made from: the root of the perfect subtree of 2^level
 * leaves that begins at leaf index * 2^level. False if it cannot tell.
 */
struct tree_source {
	bool (*read)(
	    void *state, unsigned level, uint64_t index, struct hash *out);
	void *state;
};

/*
 * That the leaf at index is in the tree of size leaves; that the tree of from
 * leaves is the beginning of that of to. False if there is no such proof
 * (index >= size, from > to) or the source fails.
 */
bool tree_prove_inclusion(const struct tree_source *source, uint64_t index,
    uint64_t size, struct proof *out);
bool tree_prove_consistency(const struct tree_source *source, uint64_t from,
    uint64_t to, struct proof *out);

/* Whether a proof shows what it should: RFC 9162 2.1.3.2 and 2.1.4.2. */
struct tree_head {
	uint64_t size;
	struct hash root;
};

bool tree_includes(const struct tree_head *head, uint64_t index,
    const struct hash *leaf, const struct proof *proof);
bool tree_extends(const struct tree_head *from, const struct tree_head *to,
    const struct proof *proof);

#endif
