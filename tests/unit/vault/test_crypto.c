#include <criterion/criterion.h>
#include <openssl/err.h>

#include "test_crypto_kat.h"
#include "vault/context.h"
#include "vault/libctx.h"

TestSuite(crypto, .init = rig_arena, .timeout = 120);

static const enum vh_use uses[] = { VH_USE_SIG, VH_USE_ENC };
static const rig_op operations[] = { op_sign, op_decrypt, op_encrypt };
static const enum vh_use op_use[] = { VH_USE_SIG, VH_USE_ENC, VH_USE_ENC };

/* --- the tables and the known answers
 * ------------------------------------------ */

static bool
has_row(const char *file, const char *member, const char *name)
{
	AUTO(kat_free) json_t *rows = kat_load(file);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i,
	    row) if (slice_is(kat_text(row, member), name)) return true;
	return false;
}

Test(crypto, every_row_of_the_algorithm_table_has_a_known_answer)
{
	const struct alg *alg;

	for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
		if (alg->use == VH_USE_SIG)
			cr_expect(has_row("sign", "alg", alg->name), "%s",
			    alg->name);
		else
			cr_expect(has_row("jwe", "alg", alg->name), "%s",
			    alg->name);
		if ((alg->kind == VH_KIND_ECDH && alg->size > 0) ||
		    alg->kind == VH_KIND_KW)
			cr_expect(has_row("wrap", "alg", alg->name), "%s",
			    alg->name);
	}
}

Test(crypto, every_row_of_the_enc_table_has_a_known_answer)
{
	const struct enc *enc;

	for (size_t i = 0; (enc = enc_at(i)) != NULL; i++) {
		cr_expect(has_row("content", "enc", enc->name), "%s",
		    enc->name);
		cr_expect(has_row("jwe", "enc", enc->name), "%s", enc->name);
	}
}

/* --- who may do what
 * ------------------------------------------------------------ */

static enum vh_err
attempt(struct rig *r, rig_op op, const char *kid, const struct alg *alg)
{
	AUTO(ask_free) struct ask *a = ask_new(kid, alg);
	struct fields out;

	ask_u32(a, VH_F_ENC_ID, VH_ENC_A128GCM);
	ask_set(a, VH_F_HEADER, slice_text("{}"));
	ask_set(a, VH_F_DATA, slice_text("data"));
	return rig_run(r, op, a, &out);
}

static void
check_key(struct rig *r, const struct key *key)
{
	const struct alg *alg;

	for (size_t o = 0; o < ARRAY_LEN(operations); o++)
		for (size_t i = 0; (alg = alg_at(i)) != NULL; i++) {
			bool may = alg->use == op_use[o] &&
				   key_check_alg(key, alg) == VH_OK;
			/* Nothing is sealed in a request of no fields. */
			enum vh_err done =
			    operations[o] == op_decrypt ? VH_EDECRYPT : VH_OK;

			cr_expect_eq(attempt(r, operations[o], key->kid, alg),
			    may ? done : VH_EALG, "op %zu, %s", o, alg->name);
		}
}

Test(crypto, every_op_refuses_every_wrong_kind_of_key_for_every_alg)
{
	AUTO(rig_free) struct rig *r = rig_new();

	for (size_t k = 0; rig_kind(k) != NULL; k++)
		for (size_t u = 0; u < ARRAY_LEN(uses); u++)
			if (rig_fits(rig_kind(k), uses[u]))
				check_key(r, rig_add(r, rig_make(rig_kind(k)),
						 uses[u], NULL));
}

Test(crypto, a_pinned_key_runs_nothing_else)
{
	AUTO(rig_free) struct rig *r = rig_new();

	check_key(r,
	    rig_add(r, rig_make("RSA"), VH_USE_SIG, alg_by_id(VH_ALG_PS256)));
	check_key(r, rig_add(r, rig_make("P-521"), VH_USE_ENC,
			 alg_by_id(VH_ALG_ECDH_ES_A192KW)));
}

Test(crypto, a_key_does_only_what_its_ops_have)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *sig = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	struct key *enc = rig_add(r, rig_make("RSA"), VH_USE_ENC, NULL);
	const struct alg *es256 = alg_by_id(VH_ALG_ES256);
	const struct alg *oaep = alg_by_id(VH_ALG_RSA_OAEP);

	sig->ops = VH_KEY_VERIFY;
	cr_expect_eq(attempt(r, op_sign, sig->kid, es256), VH_EPOLICY);
	sig->ops = VH_KEY_SIGN;
	cr_expect_eq(attempt(r, op_sign, sig->kid, es256), VH_OK);
	cr_expect_eq(attempt(r, op_verify, sig->kid, es256), VH_EPOLICY);
	enc->ops = VH_KEY_ENCRYPT;
	cr_expect_eq(attempt(r, op_decrypt, enc->kid, oaep), VH_EPOLICY);
	cr_expect_eq(attempt(r, op_encrypt, enc->kid, oaep), VH_OK);
	enc->ops = VH_KEY_DECRYPT;
	cr_expect_eq(attempt(r, op_decrypt, enc->kid, oaep), VH_EDECRYPT);
	cr_expect_eq(attempt(r, op_encrypt, enc->kid, oaep), VH_EPOLICY);
}

Test(crypto, an_unknown_key_or_alg_is_refused)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("P-256"), VH_USE_SIG, NULL);
	const struct alg strange = { .id = 99 };

	for (size_t o = 0; o < ARRAY_LEN(operations); o++) {
		cr_expect_eq(attempt(r, operations[o], "nobody",
				 alg_by_id(VH_ALG_ES256)),
		    VH_ENOKEY);
		cr_expect_eq(attempt(r, operations[o], "",
				 alg_by_id(VH_ALG_ES256)),
		    VH_ENOKEY);
		cr_expect_eq(attempt(r, operations[o], key->kid, &strange),
		    VH_EALG);
		cr_expect_eq(attempt(r, operations[o], key->kid, NULL),
		    VH_EALG);
	}
}

/* --- contexts
 * -------------------------------------------------------------------- */

Test(crypto, a_context_is_made_once_and_used_again)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *key = rig_add(r, rig_make("RSA"), VH_USE_SIG, NULL);
	const struct key_slot *first, *second, *other;

	cr_assert_eq(crypto_slot(r->crypto, key, alg_by_id(VH_ALG_RS256),
			 &first),
	    VH_OK);
	EVP_PKEY_CTX *made = first->pkey;

	cr_assert_eq(crypto_slot(r->crypto, key, alg_by_id(VH_ALG_PS256),
			 &other),
	    VH_OK);
	cr_assert_eq(crypto_slot(r->crypto, key, alg_by_id(VH_ALG_RS256),
			 &second),
	    VH_OK);
	cr_expect_eq(first, second);
	cr_expect_eq(second->pkey, made);
	cr_expect_neq(other, first);
}

Test(crypto, workers_never_share_a_context)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(crypto_free) struct crypto *second = crypto_new(1);
	AUTO(crypto_free) struct crypto *third = crypto_new(2);
	AUTO(key_free) struct key *key = NULL;
	struct key_terms terms = { .use = VH_USE_SIG };
	const struct alg *alg = alg_by_id(VH_ALG_ES256);
	const struct key_slot *a, *b;

	cr_assert_eq(key_new(rig_make("P-256"), &terms, 2, &key, NULL), VH_OK);
	cr_assert_eq(crypto_slot(r->crypto, key, alg, &a), VH_OK);
	cr_assert_eq(crypto_slot(second, key, alg, &b), VH_OK);
	cr_expect_neq(a->ec, b->ec);
	cr_expect_eq(b, a + KEY_SLOTS);
	cr_expect_eq(crypto_slot(third, key, alg, &b), VH_EINTERNAL);
}

Test(crypto, workers_that_sign_fast_use_a_library_context_each)
{
	AUTO(rig_free) struct rig *r = rig_new();
	AUTO(crypto_free) struct crypto *second = crypto_new(1);
	struct key_terms terms = { .use = VH_USE_SIG };
	const struct alg *alg = alg_by_id(VH_ALG_EDDSA);
	struct key *key = NULL;
	const struct key_slot *a, *b;

	cr_assert_eq(key_new(rig_make("ED25519"), &terms, 2, &key, NULL),
	    VH_OK);
	cr_assert_eq(store_add(r->store, key), VH_OK);
	cr_assert_eq(crypto_slot(r->crypto, key, alg, &a), VH_OK);
	cr_assert_eq(crypto_slot(second, key, alg, &b), VH_OK);
	cr_expect_eq(EVP_PKEY_CTX_get0_libctx(EVP_MD_CTX_get_pkey_ctx(a->md)),
	    libctx_of(0));
	cr_expect_eq(EVP_PKEY_CTX_get0_libctx(EVP_MD_CTX_get_pkey_ctx(b->md)),
	    libctx_of(1));
}

Test(crypto, a_worker_has_the_same_library_context_again)
{
	cr_expect_not_null(libctx_of(0));
	cr_expect_eq(libctx_of(0), libctx_of(0));
	cr_expect_neq(libctx_of(0), libctx_of(1));
}

Test(crypto, more_workers_than_library_contexts_share_them)
{
	cr_expect_eq(libctx_of(1), libctx_of(1 + VH_LIBCTX_MAX));
}

Test(crypto, a_key_has_slots_for_all_that_fits_it)
{
	AUTO(rig_free) struct rig *r = rig_new();
	const struct key_slot *slot;
	const struct alg *alg;

	for (size_t k = 0; rig_kind(k) != NULL; k++)
		for (size_t u = 0; u < ARRAY_LEN(uses); u++) {
			if (!rig_fits(rig_kind(k), uses[u]))
				continue;
			struct key *key =
			    rig_add(r, rig_make(rig_kind(k)), uses[u], NULL);

			for (size_t i = 0; (alg = alg_at(i)) != NULL; i++)
				if (key_check_alg(key, alg) == VH_OK)
					cr_expect_eq(crypto_slot(r->crypto, key,
							 alg, &slot),
					    VH_OK);
		}
}

Test(crypto, failures_leave_nothing_in_the_error_queue)
{
	AUTO(rig_free) struct rig *r = rig_new();
	struct key *rsa = rig_add(r, rig_make("RSA"), VH_USE_ENC, NULL);
	struct key *ec = rig_add(r, rig_make("P-256"), VH_USE_ENC, NULL);
	struct key *okp = rig_add(r, rig_make("X25519"), VH_USE_ENC, NULL);

	cr_expect_eq(attempt(r, op_decrypt, rsa->kid,
			 alg_by_id(VH_ALG_RSA_OAEP)),
	    VH_EDECRYPT);
	cr_expect_eq(ERR_peek_error(), 0);
	cr_expect_eq(attempt(r, op_decrypt, ec->kid,
			 alg_by_id(VH_ALG_ECDH_ES_A128KW)),
	    VH_EDECRYPT);
	cr_expect_eq(ERR_peek_error(), 0);
	cr_expect_eq(attempt(r, op_decrypt, okp->kid,
			 alg_by_id(VH_ALG_ECDH_ES)),
	    VH_EDECRYPT);
	cr_expect_eq(ERR_peek_error(), 0);
}
