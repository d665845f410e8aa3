/* libvhsm: the client of vhsmd, a virtual HSM for JOSE.
 *
 * Synchronous calls on a thread-safe handle, and batches: many requests in
 * flight from one thread.  The library starts no thread, installs no signal
 * handler, raises no SIGPIPE, and needs nothing but libc.
 *
 * Connections are made when they are first needed and again when the daemon
 * has gone away.  A request that could not be sent whole is sent again, once,
 * over a new connection.  One whose answer was lost is not: that is
 * VHSM_ELOST, and the next call connects anew.
 *
 * After a fork the child makes connections of its own; it closes its copies of
 * the parent's and never reads or writes them, so answers cannot mix. */
#ifndef VHSM_H
#define VHSM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VHSM_API __attribute__((visibility("default")))

/* What a call comes to.  The numbers are those of the wire and never change.
 * One that this version does not know is reported as VHSM_EINTERNAL. */
enum vhsm_error {
	VHSM_OK = 0,
	VHSM_EPARSE = 1,   /* malformed message, from either side */
	VHSM_EVERSION = 2, /* the daemon speaks another protocol version */
	VHSM_EOP = 3,      /* the daemon does not know the operation */
	VHSM_EFIELD = 4,   /* an argument is missing, superfluous, too large */
	VHSM_EFORBIDDEN = 5,  /* the caller may not do this */
	VHSM_ENOKEY = 6,      /* no key fits, or none the caller may use */
	VHSM_EALG = 7,        /* algorithm unknown, or not fit for the key */
	VHSM_EKEY = 8,        /* a key that was handed over is not acceptable */
	VHSM_EBUSY = 9,       /* over capacity; nothing was done; try again */
	VHSM_EDEADLINE = 10,  /* the time was up; outcome unknown */
	VHSM_EDECRYPT = 11,   /* the token does not decrypt */
	VHSM_EVERIFY = 12,    /* the signature is not valid */
	VHSM_ETOKEN = 13,     /* malformed token */
	VHSM_EHEADER = 14,    /* header parameters not acceptable */
	VHSM_EJSON = 15,      /* malformed JSON */
	VHSM_ETOOBIG = 16,    /* input larger than a limit */
	VHSM_EDRAINING = 17,  /* the node is shutting down; nothing was done */
	VHSM_ENOMEM = 18,     /* out of memory */
	VHSM_EIO = 19,        /* a system call failed */
	VHSM_EINTERNAL = 20,  /* a fault of the daemon */
	VHSM_ECONFIG = 21,    /* the URL is not acceptable */
	VHSM_ELOST = 22,      /* the connection broke; outcome unknown */
	VHSM_ENODAEMON = 23,  /* nobody listens at the socket */
	VHSM_EDUPLICATE = 24, /* already present with other attributes */
	VHSM_EINACTIVE = 25,  /* not active yet, or retired */
	VHSM_EFIXED = 30,     /* the key was loaded: it cannot be rotated */
	VHSM_ENOROOM = 31,    /* no room for another key */
	VHSM_EAUDIT = 33,     /* refused, for it could not be audited */
	VHSM_EPOLICY = 36     /* the key spec does not let the key do that */
};

enum vhsm_op {
	VHSM_SIGN = 1,
	VHSM_DECRYPT = 2,
	VHSM_VERIFY = 3,
	VHSM_ENCRYPT = 4,
	VHSM_KEYS = 5,
	VHSM_STATUS = 6,
	VHSM_CLUSTER = 7,
	VHSM_RAW_SIGN = 9,
	VHSM_RAW_DECRYPT = 10,
	VHSM_RAW_DERIVE = 11,
	VHSM_DRAIN = 16, /* on the operators' socket only; so is what follows */
	VHSM_REVOKE = 17,
	VHSM_ROTATE = 18,
	VHSM_RETIRE = 19,
	VHSM_DESTROY = 20,
	VHSM_RELOAD = 21
};

/* Where in its life a key is. */
enum vhsm_key_state {
	VHSM_STATE_ANY = 1,
	VHSM_STATE_PUBLISHED = 2,
	VHSM_STATE_ACTIVE = 3,
	VHSM_STATE_RETIRED = 4
};

/* A connection to one daemon.  Any number of threads may use it at once. */
struct vhsm;

/* Which key.  A NULL member is no criterion; all others must hold. */
struct vhsm_selector {
	const char *kid;
	const char *name; /* label in the key spec */
	const char *alg;  /* JOSE alg; a comma list is an order of preference */
	const char *kty;
	const char *crv;
	const char *use;
};

/* The serializations of JWS and JWE. */
enum vhsm_format { VHSM_COMPACT = 0, VHSM_FLATTENED = 1, VHSM_GENERAL = 2 };

/* One more signer or recipient of a token.  What does not belong to the
 * operation must be zero. */
struct vhsm_party {
	struct vhsm_selector key; /* with alg for a recipient */
	const char *header; /* signer: further protected parameters; recipient:
			       of its own, unprotected */
	const char *typ;    /* signer; so is the next */
	const char *unprotected; /* JSON object of unprotected parameters */
	const char *jwk; /* recipient: this public JWK, no key of the node */
	const void *apu; /* ECDH-ES party info, not encoded; NULL: none */
	size_t apu_len;
	const void *apv;
	size_t apv_len;
};

/* Signers or recipients of one token. */
#define VHSM_PARTIES_MAX 16

struct vhsm_sign_options {
	const char *header; /* JSON object of further protected parameters */
	const char *typ;
	enum vhsm_format format;
	const char *unprotected;       /* JSON object; not in a compact token */
	int detached;                  /* leave the payload out of the token */
	int unencoded;                 /* b64 false, RFC 7797 */
	const struct vhsm_party *more; /* further signers: VHSM_GENERAL */
	size_t more_count;
};

struct vhsm_verify_options {
	const char *jwks;    /* where keys are taken from; NULL: the daemon's */
	const void *payload; /* of a detached token; NULL: it is in there */
	size_t payload_len;
	int all; /* every signature has to be valid, not just one */
};

struct vhsm_encrypt_options {
	const char *enc; /* JOSE enc: required */
	const char *jwk; /* encrypt for this public JWK, no key of the node */
	const char *header; /* JSON object of further protected parameters */
	const char *typ;
	const void *apu; /* ECDH-ES party info, not encoded; NULL: none */
	size_t apu_len;
	const void *apv;
	size_t apv_len;
	enum vhsm_format format;
	const char
	    *unprotected; /* JSON object; not in a compact token, as aad */
	const void *aad;  /* authenticated and not encrypted; NULL: none */
	size_t aad_len;
	const char *zip;               /* "DEF": compress; NULL: do not */
	const struct vhsm_party *more; /* further recipients: VHSM_GENERAL */
	size_t more_count;
};

/* Any operation.  All is borrowed for the duration of the call it is passed
 * to.  Members that do not belong to op must be zero. */
struct vhsm_request {
	enum vhsm_op op;
	struct vhsm_selector key;
	const void *data; /* SIGN, ENCRYPT: payload.  DECRYPT, VERIFY: token.
			   * RAW_SIGN, RAW_DECRYPT: see those calls */
	size_t data_len;
	const char *header; /* SIGN, ENCRYPT; so are the next */
	const char *typ;
	const char *enc; /* ENCRYPT, whose alg is key.alg; so are the next */
	const char *jwk; /* also RAW_DERIVE: the other side's */
	const void *apu;
	size_t apu_len;
	const void *apv;
	size_t apv_len;
	const char *jwks;          /* VERIFY: JWK Set to take the key from */
	int off;                   /* DRAIN: take it back */
	int now;                   /* ROTATE: wait for no publish_before */
	enum vhsm_key_state state; /* KEYS: a report of keys in that state
				    * instead of a JWK Set; 0: no */
	enum vhsm_format format;   /* SIGN, ENCRYPT; so are the next three */
	const char *unprotected;
	const struct vhsm_party *more;
	size_t more_count;
	int detached; /* SIGN; so is the next */
	int unencoded;
	const void *aad; /* ENCRYPT; so is zip */
	size_t aad_len;
	const char *zip;
	const void *payload; /* VERIFY: of a detached token; so is all */
	size_t payload_len;
	int all;
	int mine;      /* KEYS: a report of what the caller may do with them,
			* instead of a JWK Set */
	int prehashed; /* RAW_SIGN: data is the digest */
	const void *label; /* RAW_DECRYPT: of OAEP; NULL: empty */
	size_t label_len;
};

/* What is said of one signature, or of one key that signed or was encrypted
 * for. */
struct vhsm_signature {
	enum vhsm_error error; /* VERIFY: VHSM_OK when it is valid */
	const char *kid;
	const char *alg;
	const char *jwk;
	const char *header; /* protected, JSON */
	const char *unprotected;
};

/* What came back.  Texts end in NUL; what the answer lacks is NULL, but for
 * why.  All belongs to the answer. */
struct vhsm_answer {
	enum vhsm_error error;
	const char *why;     /* a line that makes error precise, or "" */
	const uint8_t *data; /* DECRYPT: plaintext.  VERIFY: payload.
			      * RAW_SIGN: signature.  RAW_DECRYPT: plaintext.
			      * RAW_DERIVE: shared secret */
	size_t data_len;
	const char *token; /* SIGN: JWS.  ENCRYPT: JWE */
	size_t token_len;
	const char *kid; /* of the key that was used */
	const char *alg;
	const char *jwk;    /* its public key */
	const char *header; /* protected header of the token, JSON */
	const char *jwks;   /* KEYS: JWK Set */
	const char *json; /* STATUS, CLUSTER and what operators ask, KEYS with a
			   * state or mine: a report */
	const char *unprotected; /* what the token's headers say unprotected */
	const uint8_t *aad;      /* DECRYPT: what was authenticated as well */
	size_t aad_len;
	/* VERIFY of a JSON token: of each signature.  SIGN, ENCRYPT with
	 * several parties: of each key. */
	const struct vhsm_signature *signatures;
	size_t signature_count;
};

/* "key not found": static text, one line without full stop. */
VHSM_API const char *vhsm_strerror(enum vhsm_error error);
/* Version of the library: static text. */
VHSM_API const char *vhsm_version(void);

/* Makes a handle.  url is "ipc:///absolute/path"; NULL means $VHSM_SOCKET, and
 * without that $XDG_RUNTIME_DIR/vhsmd/vhsm.sock or /run/vhsmd/vhsm.sock,
 * whichever answers first at the time of a call (the environment is read here,
 * and not at all in a set-user-ID program).  Does not connect: the daemon may
 * start later.  VHSM_ECONFIG for another kind of url, VHSM_ENOMEM; *out is
 * NULL then. */
VHSM_API enum vhsm_error vhsm_open(const char *url, struct vhsm **out);

/* Closes its connections and frees it; NULL does nothing.  No other thread may
 * be using it, and its batches must be closed before. */
VHSM_API void vhsm_close(struct vhsm *h);

/* How long one call may take in all, in milliseconds: waiting for one of the
 * handle's 8 connections, connecting, and the daemon's work, who learns how
 * much is left.  The default is 5000, and 0 brings it back.  Holds for calls
 * that begin later. */
VHSM_API void vhsm_set_timeout_ms(struct vhsm *h, uint32_t ms);

/* The calls.  Each returns the outcome and gives an answer that the caller
 * frees, after a failure too: its member why then says more.  *out is NULL only
 * when there was no memory for it.  out itself may be NULL.  key may be NULL
 * (any key that fits), and so may options but for vhsm_encrypt.
 *
 * On VHSM_OK this member of the answer is not NULL:
 *   sign, encrypt: token                keys: jwks
 *   decrypt, verify: data, even empty   all others: json
 *   raw_*: data, even empty */
VHSM_API enum vhsm_error vhsm_sign(struct vhsm *h,
    const struct vhsm_selector *key, const void *payload, size_t len,
    const struct vhsm_sign_options *options, struct vhsm_answer **out);
VHSM_API enum vhsm_error vhsm_decrypt(struct vhsm *h,
    const struct vhsm_selector *key, const char *token, size_t len,
    struct vhsm_answer **out);
/* jwks: where the key is to be taken from; NULL: the keys of the daemon. */
VHSM_API enum vhsm_error vhsm_verify(struct vhsm *h,
    const struct vhsm_selector *key, const char *token, size_t len,
    const char *jwks, struct vhsm_answer **out);
/* The same with options; of several signatures one valid one is enough, unless
 * options say otherwise. */
VHSM_API enum vhsm_error vhsm_verify_with(struct vhsm *h,
    const struct vhsm_selector *key, const char *token, size_t len,
    const struct vhsm_verify_options *options, struct vhsm_answer **out);
VHSM_API enum vhsm_error vhsm_encrypt(struct vhsm *h,
    const struct vhsm_selector *key, const void *payload, size_t len,
    const struct vhsm_encrypt_options *options, struct vhsm_answer **out);
/* What a key does without JOSE around it, if its entry in the key spec says
 * raw; VHSM_EPOLICY of any other.  alg says how, by the JOSE algorithm whose
 * mechanism it is, and key->kid which key.
 *
 * A signature of data, or with prehashed not 0 of the digest that data is,
 * which has to be exactly as long as that of alg: RS256, RS384, RS512 (PKCS #1
 * v1.5 with a DigestInfo), PS256, PS384, PS512 (salt as long as the digest),
 * ES256, ES384, ES512, ES256K (r and s, each as long as the curve's order),
 * EdDSA (never prehashed).  key->alg is needed. */
VHSM_API enum vhsm_error vhsm_raw_sign(struct vhsm *h,
    const struct vhsm_selector *key, const void *data, size_t len,
    int prehashed, struct vhsm_answer **out);
/* What was encrypted by RSAES-OAEP for the key, with that label (NULL: empty):
 * RSA-OAEP, RSA-OAEP-256, RSA-OAEP-384, RSA-OAEP-512; MGF1 has the same digest.
 * key->alg and key->kid are needed.  VHSM_EDECRYPT whatever is wrong with it.
 */
VHSM_API enum vhsm_error vhsm_raw_decrypt(struct vhsm *h,
    const struct vhsm_selector *key, const void *data, size_t len,
    const void *label, size_t label_len, struct vhsm_answer **out);
/* The secret Z that the key shares with a public JWK of the same curve by ECDH,
 * X25519 or X448: as it is, to be put through a key derivation.  key->kid is
 * needed.  VHSM_EKEY for a JWK that gives none. */
VHSM_API enum vhsm_error vhsm_raw_derive(struct vhsm *h,
    const struct vhsm_selector *key, const char *jwk, struct vhsm_answer **out);
VHSM_API enum vhsm_error vhsm_keys(struct vhsm *h,
    const struct vhsm_selector *key, struct vhsm_answer **out);
VHSM_API enum vhsm_error vhsm_status(struct vhsm *h, struct vhsm_answer **out);
/* The nodes of the cluster, as this one sees them. */
VHSM_API enum vhsm_error vhsm_cluster(struct vhsm *h, struct vhsm_answer **out);
/* off not 0: take it back. */
VHSM_API enum vhsm_error vhsm_drain(struct vhsm *h, int off,
    struct vhsm_answer **out);
/* Takes a key out of every node's JWK Set, for good. */
VHSM_API enum vhsm_error vhsm_revoke(struct vhsm *h, const char *kid,
    struct vhsm_answer **out);
/* Gives active keys, that of kid or (kid NULL) those of the name, a successor:
 * published now, active after publish_before, or with now not 0 as soon as it
 * can be. */
VHSM_API enum vhsm_error vhsm_rotate(struct vhsm *h, const char *kid,
    const char *name, int now, struct vhsm_answer **out);
/* The key is used no more, and gone after keep_after. */
VHSM_API enum vhsm_error vhsm_retire(struct vhsm *h, const char *kid,
    struct vhsm_answer **out);
/* The key's secret is wiped at once.  What a signing key has signed stays
 * verifiable until keep_after. */
VHSM_API enum vhsm_error vhsm_destroy(struct vhsm *h, const char *kid,
    struct vhsm_answer **out);
/* The node reads its key spec anew. */
VHSM_API enum vhsm_error vhsm_reload(struct vhsm *h, struct vhsm_answer **out);
/* Any of the above, as a request. */
VHSM_API enum vhsm_error vhsm_call(struct vhsm *h,
    const struct vhsm_request *request, struct vhsm_answer **out);

/* Requests of one vhsm_call_many. */
#define VHSM_MANY_MAX 64

/* Signs, decrypts or encrypts, raw or not, many in one message: cheaper than as
 * many calls, but the answers come when the slowest is there.  Each request is
 * checked and carried out as if it were alone, in any order.  VHSM_OK:
 * answers[i], for each i below count, is the answer to requests[i], to be
 * freed, and its error says how that went.  Else nothing was done, unless it is
 * VHSM_ELOST, VHSM_EDEADLINE, VHSM_EPARSE or VHSM_ENOMEM, and all of answers is
 * NULL. VHSM_EFIELD, VHSM_ETOOBIG, VHSM_EOP: count is 0, or more than
 * VHSM_MANY_MAX, or a request is not sound; VHSM_ETOOBIG also: all requests
 * together have more bytes than the node takes in one message, which is 4/3 of
 * its payload limit and 1 MiB more.  What has less than 1 MiB in all, some 200
 * bytes a request counted besides its texts and data, is never too much. */
VHSM_API enum vhsm_error vhsm_call_many(struct vhsm *h,
    const struct vhsm_request *requests, size_t count,
    struct vhsm_answer **answers);

/* Wipes the bytes of the answer and frees it; NULL does nothing. */
VHSM_API void vhsm_answer_free(struct vhsm_answer *answer);

/* Many requests in flight over one connection.  One thread at a time may use a
 * batch; a handle may have many.  A child of a fork may only close it: every
 * other call there gives VHSM_ELOST. */
struct vhsm_batch;

/* Requests of a batch that are not yet waited for. */
#define VHSM_BATCH_MAX 64
/* No ticket has this number. */
#define VHSM_ANY 0

/* Connects.  What connecting gave, or VHSM_ENOMEM: *out is NULL then. */
VHSM_API enum vhsm_error vhsm_batch_open(struct vhsm *h,
    struct vhsm_batch **out);
/* Answers not waited for are dropped; NULL does nothing. */
VHSM_API void vhsm_batch_close(struct vhsm_batch *b);

/* Puts a request in line and numbers it.  It leaves with the next vhsm_wait (or
 * earlier, when the line is long), all of the line at once.  Its time, that of
 * the handle, starts now.  Never blocks but to connect again, and gives what
 * that gave.  VHSM_EBUSY: 64 are not yet waited for, or the daemon takes no
 * more bytes now: vhsm_wait first.  VHSM_EOP, VHSM_EFIELD, VHSM_ETOOBIG: not a
 * sound request. */
VHSM_API enum vhsm_error vhsm_submit(struct vhsm_batch *b,
    const struct vhsm_request *request, uint32_t *ticket);

/* Sends what is in line and waits until one request is over: that of *ticket,
 * or with *ticket VHSM_ANY the first that is, whose number is put there.
 * Answers come in any order.  VHSM_OK: *out is its answer, to be freed, and
 * (*out)->error says how it went: VHSM_ELOST when the connection broke after
 * it was sent, VHSM_EDEADLINE when its time was up.  VHSM_EDEADLINE: none was
 * over within timeout_ms (negative: as long as it takes); *out is NULL.
 * VHSM_EFIELD: nothing is in flight, or not that ticket.  VHSM_ENOMEM: it is
 * over, but there is no memory to say more. */
VHSM_API enum vhsm_error vhsm_wait(struct vhsm_batch *b, uint32_t *ticket,
    int timeout_ms, struct vhsm_answer **out);

/* The descriptor to watch for reading in an event loop, before a vhsm_wait with
 * timeout 0; -1 while there is no connection.  It may change with any other
 * call. */
VHSM_API int vhsm_batch_fd(const struct vhsm_batch *b);

#ifdef __cplusplus
}
#endif

#endif
