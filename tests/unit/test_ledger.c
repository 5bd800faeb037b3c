/*
 * The ledger's tree and notes against vectors that another implementation made
 * (tests/data/ledger-vectors.json), and against a slow one written here from
 * the definitions of RFC 6962 2.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "base64.h"
#include "ledger_note.h"
#include "ledger_tree.h"

#define LEAVES 1000

static struct {
	json_t *document;
	struct hash leaves[LEAVES]; /* of the vectors' tree */
} vectors;

static int
start(void **state)
{
	(void)state;
	vectors.document =
	    json_load_file("tests/data/ledger-vectors.json", 0, NULL);
	assert_non_null(vectors.document);
	for (int i = 0; i < LEAVES; i++) {
		char leaf[32];
		int n = snprintf(leaf, sizeof(leaf), "{\"n\":%d,\"v\":1}", i);

		tree_leaf(leaf, (size_t)n, &vectors.leaves[i]);
	}
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	json_decref(vectors.document);
	return 0;
}

static const json_t *
section(const char *name)
{
	const json_t *found = json_object_get(vectors.document, name);

	assert_non_null(found);
	return found;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	assert_non_null(text);
	return text;
}

static uint64_t
number_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	assert_true(json_is_integer(value));
	return (uint64_t)json_integer_value(value);
}

/* False if it is not the base64 of a hash. */
static bool
read_hash(const char *text, struct hash *out)
{
	unsigned char bytes[BASE64_BYTES(44)];
	size_t len;

	if (strlen(text) != 44 || !base64_read(text, 44, bytes, &len) ||
	    len != HASH_LEN)
		return false;
	memcpy(out->bytes, bytes, HASH_LEN);
	return true;
}

static struct hash
hash_in(const json_t *object, const char *name)
{
	struct hash hash;

	assert_true(read_hash(text_of(object, name), &hash));
	return hash;
}

static struct proof
proof_in(const json_t *object)
{
	const json_t *list = json_object_get(object, "proof");
	struct proof proof = { .n = 0 };
	const json_t *one;
	size_t i;

	assert_true(json_is_array(list));
	json_array_foreach (list, i, one)
		assert_true(
		    read_hash(json_string_value(one), &proof.at[proof.n++]));
	return proof;
}

static bool
same_proof(const struct proof *a, const struct proof *b)
{
	return a->n == b->n &&
	       memcmp(a->at, b->at, a->n * sizeof(a->at[0])) == 0;
}

/* MTH(D[lo:hi]) as RFC 6962 2.1 defines it. */
static struct hash
slow_root(const struct hash *leaves, size_t lo, size_t hi)
{
	static const struct frontier empty;
	struct hash left, right, root;
	size_t k = 1;

	if (hi == lo) {
		frontier_root(&empty, &root);
		return root;
	}
	if (hi - lo == 1)
		return leaves[lo];
	while (k * 2 < hi - lo)
		k *= 2;
	left = slow_root(leaves, lo, lo + k);
	right = slow_root(leaves, lo + k, hi);
	tree_node(&left, &right, &root);
	return root;
}

static bool
read_subtree(void *state, unsigned level, uint64_t index, struct hash *out)
{
	*out = slow_root(
	    state, (size_t)index << level, (size_t)(index + 1) << level);
	return true;
}

static const struct tree_source source = { .read = read_subtree,
	.state = vectors.leaves };

static struct tree_head
head_of(uint64_t size)
{
	return (struct tree_head){ .size = size,
		.root = slow_root(vectors.leaves, 0, (size_t)size) };
}

/* --- the tree
 * ------------------------------------------------------------------
 */

static size_t
unhex(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned value;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
		out[i] = (unsigned char)value;
	}
	return n;
}

static void
leaves_have_the_hashes_of_the_vectors(void **state)
{
	unsigned char leaf[20000];
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("leaf_hashes"), i, one) {
		struct hash want = hash_in(one, "leaf_hash"), got;
		const char *hex = text_of(one, "leaf_hex");

		assert_true(strlen(hex) / 2 <= sizeof(leaf));
		tree_leaf(leaf, unhex(hex, leaf), &got);
		assert_true(hash_equal(&got, &want));
	}
	assert_true(i > 0);
}

static void
a_leaf_of_any_length_is_hashed_whole(void **state)
{
	unsigned char leaf[9000];
	struct hash a, b;

	(void)state;
	memset(leaf, 'a', sizeof(leaf));
	tree_leaf(leaf, sizeof(leaf), &a);
	tree_leaf(leaf, 8192, &b);
	assert_false(hash_equal(&a, &b));
	leaf[8999] = 'b';
	tree_leaf(leaf, sizeof(leaf), &b);
	assert_false(hash_equal(&a, &b));
}

static void
two_hashes_make_the_node_of_the_vectors(void **state)
{
	const json_t *one = section("node_hash");
	struct hash left = hash_in(one, "left"), right = hash_in(one, "right");
	struct hash want = hash_in(one, "node"), got;

	(void)state;
	tree_node(&left, &right, &got);
	assert_true(hash_equal(&got, &want));
}

static void
a_growing_tree_has_the_roots_of_the_vectors(void **state)
{
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("roots"), i, one) {
		struct hash want = hash_in(one, "root"), got;
		struct frontier frontier = { .size = 0 };

		while (frontier.size < number_of(one, "size"))
			frontier_add(&frontier, &vectors.leaves[frontier.size]);
		frontier_root(&frontier, &got);
		assert_true(hash_equal(&got, &want));
	}
	assert_true(i > 20);
}

static void
a_growing_tree_has_the_root_that_the_definition_gives_at_every_size(
    void **state)
{
	struct frontier frontier = { .size = 0 };

	(void)state;
	for (size_t size = 0; size <= 300; size++) {
		struct hash want = slow_root(vectors.leaves, 0, size), got;

		frontier_root(&frontier, &got);
		assert_true(hash_equal(&got, &want));
		frontier_add(&frontier, &vectors.leaves[size]);
	}
}

static void
tiles_have_the_roots_of_the_vectors(void **state)
{
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("tiles_size_1000"), i, one) {
		uint64_t level = number_of(one, "level");
		uint64_t first = number_of(one, "index") * 256;
		uint64_t width = number_of(one, "width");
		struct hash got, want;

		assert_true(read_subtree(
		    vectors.leaves, (unsigned)level * 8, first, &got));
		want = hash_in(one, "first");
		assert_true(hash_equal(&got, &want));
		assert_true(read_subtree(vectors.leaves, (unsigned)level * 8,
		    first + width - 1, &got));
		want = hash_in(one, "last");
		assert_true(hash_equal(&got, &want));
	}
	assert_true(i > 200);
}

/* --- proofs
 * --------------------------------------------------------------------
 */

static void
inclusion_proofs_are_those_of_the_vectors_and_hold(void **state)
{
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("inclusion"), i, one) {
		uint64_t index = number_of(one, "index");
		struct tree_head head = head_of(number_of(one, "size"));
		struct proof want = proof_in(one), got;
		struct hash leaf = hash_in(one, "leaf_hash");

		assert_true(
		    tree_prove_inclusion(&source, index, head.size, &got));
		assert_true(same_proof(&got, &want));
		assert_true(tree_includes(&head, index, &leaf, &want));
	}
	assert_true(i > 200);
}

static void
inclusion_proofs_of_the_vectors_that_must_fail_do(void **state)
{
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("inclusion_must_fail"), i, one) {
		struct tree_head head = { .size = number_of(one, "size"),
			.root = hash_in(one, "root") };
		struct proof proof = proof_in(one);
		struct hash leaf = hash_in(one, "leaf_hash");

		assert_false(tree_includes(
		    &head, number_of(one, "index"), &leaf, &proof));
	}
	assert_int_equal(i, 7);
}

static void
consistency_proofs_are_those_of_the_vectors_and_hold(void **state)
{
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("consistency"), i, one) {
		struct tree_head from = head_of(number_of(one, "from"));
		struct tree_head to = head_of(number_of(one, "to"));
		struct proof want = proof_in(one), got;

		assert_true(
		    tree_prove_consistency(&source, from.size, to.size, &got));
		assert_true(same_proof(&got, &want));
		assert_true(tree_extends(&from, &to, &want));
	}
	assert_true(i > 200);
}

static void
consistency_proofs_of_the_vectors_that_must_fail_do(void **state)
{
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("consistency_must_fail"), i, one) {
		struct tree_head from = { .size = number_of(one, "from"),
			.root = hash_in(one, "from_root") };
		struct tree_head to = { .size = number_of(one, "to"),
			.root = hash_in(one, "to_root") };
		struct proof proof = proof_in(one);

		assert_false(tree_extends(&from, &to, &proof));
	}
	assert_int_equal(i, 8);
}

static void
every_proof_holds_and_no_neighbour_of_it_does(void **state)
{
	struct proof proof;

	(void)state;
	for (uint64_t size = 1; size <= 70; size++) {
		struct tree_head head = head_of(size);

		for (uint64_t i = 0; i < size; i++) {
			const struct hash *leaf = &vectors.leaves[i];

			assert_true(
			    tree_prove_inclusion(&source, i, size, &proof));
			assert_true(tree_includes(&head, i, leaf, &proof));
			assert_false(tree_includes(&head, i, leaf + 1, &proof));
			assert_false(tree_includes(&head, i ^ 1, leaf, &proof));
			assert_false(
			    tree_includes(&head, size + i, leaf, &proof));
		}
		for (uint64_t from = 0; from <= size; from++) {
			struct tree_head old = head_of(from);

			assert_true(tree_prove_consistency(
			    &source, from, size, &proof));
			assert_true(tree_extends(&old, &head, &proof));
			old.root.bytes[7] ^= 1;
			assert_false(tree_extends(&old, &head, &proof));
		}
	}
}

static void
there_is_no_proof_of_what_is_not_there(void **state)
{
	struct proof proof;

	(void)state;
	assert_false(tree_prove_inclusion(&source, 0, 0, &proof));
	assert_false(tree_prove_inclusion(&source, 7, 7, &proof));
	assert_false(tree_prove_consistency(&source, 8, 7, &proof));
}

/* --- notes
 * ---------------------------------------------------------------------
 */

static struct note_key
key_named(const char *name, unsigned char seed[NOTE_SEED_LEN])
{
	const json_t *one = json_object_get(section("keys"), name);
	struct note_key key, made;
	char vkey[NOTE_VKEY_MAX];

	assert_int_equal(unhex(text_of(one, "seed_hex"), seed), NOTE_SEED_LEN);
	assert_true(note_key_read(text_of(one, "vkey"), &key));
	assert_int_equal(key.kind, number_of(one, "signature_type"));
	assert_true(
	    note_key_of_seed(text_of(one, "name"), key.kind, seed, &made));
	assert_memory_equal(&key, &made, sizeof(key));
	note_key_write(&made, vkey);
	assert_string_equal(vkey, text_of(one, "vkey"));
	return key;
}

static void
verifier_keys_are_those_of_the_vectors(void **state)
{
	unsigned char seed[NOTE_SEED_LEN];

	(void)state;
	key_named("log", seed);
	key_named("log_next", seed);
	key_named("witness", seed);
}

static void
a_malformed_verifier_key_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"+e37d4dea+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"ledger.example.org/engagements+e37d4deb+"
		"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"ledger.example.org/engagements+E37D4DEA+"
		"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
		"ledger.example.org/engagements+e37d4dea+"
		"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG5",
		"ledger.example.org/engagements+e37d4dea+AQOhB7",
		"ledger.example.org/engagements+e37d4dea",
		"ledger.example.org engagements+e37d4dea+"
		"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	};
	struct note_key key;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(note_key_read(bad[i], &key));
}

static bool
opens(const char *bytes, const struct note_key *keys, size_t n,
    struct checkpoint *out)
{
	static struct note note;

	return checkpoint_open(bytes, strlen(bytes), keys, n, &note, out);
}

static void
checkpoints_are_written_and_signed_as_in_the_vectors(void **state)
{
	unsigned char seed[NOTE_SEED_LEN];
	struct note_key key = key_named("log", seed);
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("checkpoints"), i, one) {
		struct checkpoint made = { .head = head_of(
			                       number_of(one, "size")) };
		char text[NOTE_TEXT_MAX], line[NOTE_LINE_MAX];
		char note[NOTE_TEXT_MAX + NOTE_LINE_MAX];
		struct checkpoint read;

		strcpy(made.origin, key.name);
		checkpoint_write(&made, text);
		assert_string_equal(text, text_of(one, "text"));
		assert_true(note_sign(&key, seed, text, 0, line));
		(void)snprintf(note, sizeof(note), "%s\n%s", text, line);
		assert_string_equal(note, text_of(one, "note"));
		assert_true(opens(note, &key, 1, &read));
		assert_true(read.head.size == made.head.size);
		assert_true(hash_equal(&read.head.root, &made.head.root));
	}
	assert_int_equal(i, 5);
}

static void
checkpoints_of_the_vectors_that_must_fail_do(void **state)
{
	unsigned char seed[NOTE_SEED_LEN];
	struct note_key key = key_named("log", seed);
	const json_t *one;
	size_t i;

	(void)state;
	json_array_foreach (section("checkpoint_must_fail"), i, one) {
		struct checkpoint read;

		if (opens(text_of(one, "note"), &key, 1, &read))
			fail_msg("accepted: %s", text_of(one, "why"));
	}
	assert_int_equal(i, 7);
}

static void
during_a_rotation_either_key_opens_the_checkpoint(void **state)
{
	unsigned char seed[NOTE_SEED_LEN];
	struct note_key keys[] = { key_named("log", seed),
		key_named("log_next", seed) };
	const char *note = text_of(section("checkpoint_rotation"), "note");
	struct checkpoint read;
	char spoiled[2000];

	(void)state;
	assert_true(opens(note, &keys[0], 1, &read));
	assert_true(opens(note, &keys[1], 1, &read));
	assert_true(opens(note, keys, 2, &read));
	assert_true(read.head.size == 20);
	/* A known line that does not verify kills the whole note. */
	assert_true(strlen(note) < sizeof(spoiled));
	strcpy(spoiled, note);
	char *last = spoiled + strlen(spoiled) - 10;
	*last = *last == 'A' ? 'B' : 'A';
	assert_true(opens(spoiled, &keys[0], 1, &read));
	assert_false(opens(spoiled, keys, 2, &read));
}

static void
a_witness_signs_the_time_with_the_text(void **state)
{
	unsigned char seed[NOTE_SEED_LEN];
	struct note_key log = key_named("log", seed);
	struct note_key witness = key_named("witness", seed);
	const json_t *one = section("cosignature");
	const char *bytes = text_of(one, "note");
	char line[NOTE_LINE_MAX], text[NOTE_TEXT_MAX];
	struct checkpoint read;
	static struct note note;
	uint64_t time_s;

	(void)state;
	assert_true(
	    checkpoint_open(bytes, strlen(bytes), &log, 1, &note, &read));
	assert_int_equal(note_check(&note, &witness, &time_s), NOTE_GOOD);
	assert_true(time_s == number_of(one, "time"));
	checkpoint_write(&read, text);
	assert_true(note_sign(&witness, seed, text, time_s, line));
	assert_string_equal(line, text_of(one, "line"));
	/* Without the log's line it is no checkpoint of the log. */
	assert_false(
	    checkpoint_open(bytes, strlen(bytes), &witness, 1, &note, &read));
}

static void
a_note_is_refused_for_its_form(void **state)
{
	static const char *const bad[] = { "", "\n", "a\n", "a\n\n",
		"a\n\n\xe2\x80\x94 n QUJDREVG", "a\n\n- n QUJDREVG\n",
		"a\n\n\xe2\x80\x94 n  QUJDREVG\n", "a\n\n\xe2\x80\x94 n QUJD\n",
		"a\n\n\xe2\x80\x94 n\n", "a\tb\n\n\xe2\x80\x94 n QUJDREVG\n",
		"a\n\n\xe2\x80\x94 n+m QUJDREVG\n" };
	static struct note note;
	static const char good[] = "a\n\n\xe2\x80\x94 n QUJDREVG\n";

	(void)state;
	assert_true(note_read(good, strlen(good), &note));
	assert_int_equal(note.n, 1);
	assert_int_equal(note.text_len, 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (note_read(bad[i], strlen(bad[i]), &note))
			fail_msg("accepted: %s", bad[i]);
}

static void
standard_base64_is_written_with_its_padding(void **state)
{
	static const struct {
		const char *bytes, *text;
	} known[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" },
		{ "\xff\xef\xbf", "/++/" } };
	char text[16];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		assert_int_equal(
		    base64_write(known[i].bytes, strlen(known[i].bytes), text),
		    strlen(known[i].text));
		assert_string_equal(text, known[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_have_the_hashes_of_the_vectors),
		cmocka_unit_test(a_leaf_of_any_length_is_hashed_whole),
		cmocka_unit_test(two_hashes_make_the_node_of_the_vectors),
		cmocka_unit_test(a_growing_tree_has_the_roots_of_the_vectors),
		cmocka_unit_test(
		    a_growing_tree_has_the_root_that_the_definition_gives_at_every_size),
		cmocka_unit_test(tiles_have_the_roots_of_the_vectors),
		cmocka_unit_test(
		    inclusion_proofs_are_those_of_the_vectors_and_hold),
		cmocka_unit_test(
		    inclusion_proofs_of_the_vectors_that_must_fail_do),
		cmocka_unit_test(
		    consistency_proofs_are_those_of_the_vectors_and_hold),
		cmocka_unit_test(
		    consistency_proofs_of_the_vectors_that_must_fail_do),
		cmocka_unit_test(every_proof_holds_and_no_neighbour_of_it_does),
		cmocka_unit_test(there_is_no_proof_of_what_is_not_there),
		cmocka_unit_test(verifier_keys_are_those_of_the_vectors),
		cmocka_unit_test(a_malformed_verifier_key_is_refused),
		cmocka_unit_test(
		    checkpoints_are_written_and_signed_as_in_the_vectors),
		cmocka_unit_test(checkpoints_of_the_vectors_that_must_fail_do),
		cmocka_unit_test(
		    during_a_rotation_either_key_opens_the_checkpoint),
		cmocka_unit_test(a_witness_signs_the_time_with_the_text),
		cmocka_unit_test(a_note_is_refused_for_its_form),
		cmocka_unit_test(standard_base64_is_written_with_its_padding),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
