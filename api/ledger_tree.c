/* The ledger's tree: hashes, roots and proofs. */
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "ledger_tree.h"

/* The longest leaf of the ledger; longer ones take the slow way. */
#define LEAF_SHORT 8192

bool
hash_equal(const struct hash *a, const struct hash *b)
{
	return CRYPTO_memcmp(a->bytes, b->bytes, HASH_LEN) == 0;
}

/* In pieces; an EVP context costs more than the hash of a short leaf. */
static void
hash_long(const void *leaf, size_t len, struct hash *out)
{
	static const unsigned char prefix = 0x00;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	EVP_DigestInit_ex(context, EVP_sha256(), NULL);
	EVP_DigestUpdate(context, &prefix, 1);
	EVP_DigestUpdate(context, leaf, len);
	EVP_DigestFinal_ex(context, out->bytes, NULL);
	EVP_MD_CTX_free(context);
}

void
tree_leaf(const void *leaf, size_t len, struct hash *out)
{
	unsigned char message[1 + LEAF_SHORT];

	if (len > LEAF_SHORT) {
		hash_long(leaf, len, out);
		return;
	}
	message[0] = 0x00;
	if (len > 0)
		memcpy(message + 1, leaf, len);
	SHA256(message, 1 + len, out->bytes);
}

void
tree_node(const struct hash *left, const struct hash *right, struct hash *out)
{
	unsigned char message[1 + 2 * HASH_LEN];

	message[0] = 0x01;
	memcpy(message + 1, left->bytes, HASH_LEN);
	memcpy(message + 1 + HASH_LEN, right->bytes, HASH_LEN);
	SHA256(message, sizeof(message), out->bytes);
}

/* --- growing ---------------------------------------------------------------
 */

size_t
frontier_len(const struct frontier *frontier)
{
	return (size_t)__builtin_popcountll(frontier->size);
}

/* As a binary counter carries: two subtrees of one height become one. */
void
frontier_add(struct frontier *frontier, const struct hash *leaf)
{
	size_t n = frontier_len(frontier);
	struct hash top = *leaf;

	for (uint64_t rest = frontier->size; (rest & 1) != 0; rest >>= 1)
		tree_node(&frontier->at[--n], &top, &top);
	frontier->at[n] = top;
	frontier->size++;
}

void
frontier_root(const struct frontier *frontier, struct hash *root)
{
	size_t n = frontier_len(frontier);

	if (n == 0) {
		SHA256((const unsigned char *)"", 0, root->bytes);
		return;
	}
	*root = frontier->at[--n];
	while (n > 0)
		tree_node(&frontier->at[--n], root, root);
}

/* --- proofs, made ------------------------------------------------------------
 */

/* The largest power of two below n, for n > 1: where a tree is split. */
static uint64_t
split_of(uint64_t n)
{
	return (uint64_t)1 << (63 - __builtin_clzll(n - 1));
}

/* The hash of the leaves [lo, hi), hi > lo, whose subtree begins at a
 * multiple of its height. */
static bool
hash_of(const struct tree_source *source, uint64_t lo, uint64_t hi,
    struct hash *out)
{
	uint64_t n = hi - lo;
	struct hash left, right;

	if ((n & (n - 1)) == 0) {
		unsigned level = (unsigned)__builtin_ctzll(n);

		return source->read(source->state, level, lo >> level, out);
	}
	uint64_t k = split_of(n);

	if (!hash_of(source, lo, lo + k, &left) ||
	    !hash_of(source, lo + k, hi, &right))
		return false;
	tree_node(&left, &right, out);
	return true;
}

static bool
add(const struct tree_source *source, uint64_t lo, uint64_t hi,
    struct proof *out)
{
	return hash_of(source, lo, hi, &out->at[out->n++]);
}

static bool
prove_inclusion(const struct tree_source *source, uint64_t index, uint64_t lo,
    uint64_t hi, struct proof *out)
{
	if (hi - lo == 1)
		return true;
	uint64_t middle = lo + split_of(hi - lo);

	if (index < middle)
		return prove_inclusion(source, index, lo, middle, out) &&
		       add(source, middle, hi, out);
	return prove_inclusion(source, index, middle, hi, out) &&
	       add(source, lo, middle, out);
}

bool
tree_prove_inclusion(const struct tree_source *source, uint64_t index,
    uint64_t size, struct proof *out)
{
	out->n = 0;
	return index < size && prove_inclusion(source, index, 0, size, out);
}

/* whole: the first from leaves are a subtree whose root the verifier has. */
static bool
prove_consistency(const struct tree_source *source, uint64_t from, uint64_t lo,
    uint64_t hi, bool whole, struct proof *out)
{
	if (from == hi)
		return whole || add(source, lo, hi, out);
	uint64_t middle = lo + split_of(hi - lo);

	if (from <= middle)
		return prove_consistency(
		           source, from, lo, middle, whole, out) &&
		       add(source, middle, hi, out);
	return prove_consistency(source, from, middle, hi, false, out) &&
	       add(source, lo, middle, out);
}

bool
tree_prove_consistency(const struct tree_source *source, uint64_t from,
    uint64_t to, struct proof *out)
{
	out->n = 0;
	if (from > to)
		return false;
	return from == 0 || prove_consistency(source, from, 0, to, true, out);
}

/* --- proofs, checked
 * -----------------------------------------------------------
 */

/*
 * A walk from a node up to the root: fn and sn of RFC 9162 are the places of
 * that node and of the last one of its level. True if the sibling stands on
 * the left; climbs to the level above it.
 */
static bool
climb(uint64_t *fn, uint64_t *sn)
{
	bool left = (*fn & 1) != 0 || *fn == *sn;

	if (left)
		while ((*fn & 1) == 0 && *fn != 0) {
			*fn >>= 1;
			*sn >>= 1;
		}
	*fn >>= 1;
	*sn >>= 1;
	return left;
}

bool
tree_includes(const struct tree_head *head, uint64_t index,
    const struct hash *leaf, const struct proof *proof)
{
	uint64_t fn = index, sn = head->size - 1;
	struct hash root = *leaf;

	if (index >= head->size)
		return false;
	for (size_t i = 0; i < proof->n; i++) {
		if (sn == 0)
			return false;
		if (climb(&fn, &sn))
			tree_node(&proof->at[i], &root, &root);
		else
			tree_node(&root, &proof->at[i], &root);
	}
	return sn == 0 && hash_equal(&root, &head->root);
}

/* Both roots are made from one list of hashes, which only a tree that begins
 * with the other can give. */
static bool
both_roots(const struct tree_head *from, const struct tree_head *to,
    const struct hash *first, const struct hash *rest, size_t n)
{
	uint64_t fn = from->size - 1, sn = to->size - 1;
	struct hash older = *first, newer = *first;

	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	for (size_t i = 0; i < n; i++) {
		if (sn == 0)
			return false;
		if (climb(&fn, &sn)) {
			tree_node(&rest[i], &older, &older);
			tree_node(&rest[i], &newer, &newer);
		} else {
			tree_node(&newer, &rest[i], &newer);
		}
	}
	return sn == 0 && hash_equal(&older, &from->root) &&
	       hash_equal(&newer, &to->root);
}

bool
tree_extends(const struct tree_head *from, const struct tree_head *to,
    const struct proof *proof)
{
	static const struct frontier empty;
	struct hash none;

	if (from->size > to->size)
		return false;
	if (from->size == to->size)
		return proof->n == 0 && hash_equal(&from->root, &to->root);
	if (from->size == 0) {
		frontier_root(&empty, &none);
		return proof->n == 0 && hash_equal(&from->root, &none);
	}
	/* A perfect tree's own root is left out of the proof. */
	if ((from->size & (from->size - 1)) == 0)
		return both_roots(from, to, &from->root, proof->at, proof->n);
	return proof->n > 0 &&
	       both_roots(from, to, &proof->at[0], proof->at + 1, proof->n - 1);
}
