#include "peer/net_tls.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

#define READ_SIZE 16384

static inline void
x509_free(X509 *cert)
{
	X509_free(cert);
}
AUTO_FREE(X509, x509_free)

static inline void
key_free(EVP_PKEY *key)
{
	EVP_PKEY_free(key);
}
AUTO_FREE(EVP_PKEY, key_free)

static inline void
bio_free(BIO *bio)
{
	(void)BIO_free(bio); /* one in memory */
}
AUTO_FREE(BIO, bio_free)

static inline void
config_free(nng_tls_config *config)
{
	if (config != NULL)
		nng_tls_config_free(config);
}
AUTO_FREE(nng_tls_config, config_free)

static enum vh_err
refuse(const char *what)
{
	LOG(ERROR, "certificates-refused", KV("why", what));
	return VH_ECONFIG;
}

/* Nobody types a passphrase here. */
static int
no_passphrase(char *buf, int size, int writing, void *context)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

/* nng and mbedtls would find out only when somebody connects. */
static enum vh_err
check_pair(const struct net_tls *tls)
{
	AUTO(bio_free) BIO *cert_bio = BIO_new_mem_buf(tls->cert, -1);
	AUTO(bio_free) BIO *key_bio = BIO_new_mem_buf(tls->key, -1);

	if (cert_bio == NULL || key_bio == NULL)
		return VH_ENOMEM;
	AUTO(x509_free)
	X509 *cert = PEM_read_bio_X509(cert_bio, NULL, no_passphrase, NULL);
	AUTO(key_free)
	EVP_PKEY *key =
	    PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL);

	if (cert == NULL)
		return refuse("certificate is not PEM");
	if (key == NULL)
		return refuse("private key is not PEM, or encrypted");
	if (X509_check_private_key(cert, key) != 1)
		return refuse("private key is not the certificate's");
	return VH_OK;
}

static enum vh_err
check(const struct net_tls *tls)
{
	AUTO(config_free) nng_tls_config *config = NULL;

	TRY(check_pair(tls));
	return net_tls_config(tls, NULL, &config);
}

/* A copy, NULL of NULL; *bad when out of memory. */
static char *
copy(const char *text, bool *bad)
{
	char *made = text == NULL ? NULL : strdup(text);

	*bad = *bad || (text != NULL && made == NULL);
	return made;
}

enum vh_err
net_tls_new(const char *cert, const char *key, const char *ca, const char *crl,
    struct net_tls **out)
{
	AUTO(net_tls_free) struct net_tls *tls = calloc(1, sizeof *tls);
	bool bad = false;

	*out = NULL;
	if (tls == NULL)
		return VH_ENOMEM;
	tls->cert = copy(cert, &bad);
	tls->key = copy(key, &bad);
	tls->ca = copy(ca, &bad);
	tls->crl = copy(crl, &bad);
	if (bad)
		return VH_ENOMEM;
	TRY(check(tls));
	*out = TAKE(tls);
	return VH_OK;
}

void
net_tls_free(struct net_tls *tls)
{
	if (tls == NULL)
		return;
	free(tls->cert);
	if (tls->key != NULL)
		OPENSSL_cleanse(tls->key, strlen(tls->key));
	free(tls->key);
	free(tls->ca);
	free(tls->crl);
	free(tls);
}

/* All of a file; its descriptor stays open. */
static enum vh_err
read_text(int fd, struct buf *text)
{
	/* An earlier process may have read the same open file. */
	(void)lseek(fd, 0, SEEK_SET); /* a pipe has no beginning */
	/* A key is not moved about in memory as it comes. */
	if (!buf_reserve(text, 2 * READ_SIZE))
		return buf_end(text);
	for (;;) {
		size_t before = buf_slice(text).len;
		uint8_t *to = buf_extend(text, READ_SIZE);

		if (to == NULL)
			return buf_end(text);
		ssize_t n = read(fd, to, READ_SIZE);

		if (n < 0)
			return VH_EIO;
		buf_trim(text, before + (size_t)n);
		if (n == 0)
			break;
	}
	struct slice all = buf_slice(text);

	if (all.len == 0 || memchr(all.p, 0, all.len) != NULL)
		return refuse("file is empty or not text");
	buf_put_u8(text, 0);
	return buf_end(text);
}

static inline void
secret_buf_free(struct buf *b)
{
	if (b != NULL && b->p != NULL)
		OPENSSL_cleanse(b->p, b->cap);
	buf_free(b);
}
AUTO_FREE(struct buf, secret_buf_free)

enum vh_err
net_tls_read(const struct net_tls_files *files, const struct net_tls *old,
    struct net_tls **out)
{
	AUTO(buf_free) struct buf *cert = buf_new(NET_TLS_FILE_MAX);
	AUTO(secret_buf_free) struct buf *key = buf_new(NET_TLS_FILE_MAX);
	AUTO(buf_free) struct buf *ca = buf_new(NET_TLS_FILE_MAX);
	AUTO(buf_free) struct buf *crl = buf_new(NET_TLS_FILE_MAX);
	const int fds[] = { files->cert, files->key, files->ca, files->crl };
	struct buf *const bufs[] = { cert, key, ca, crl };
	const char *texts[4] = { NULL };
	enum vh_err err = VH_OK;

	*out = NULL;
	if (old != NULL)
		memcpy(texts,
		    (const char *[]){ old->cert, old->key, old->ca, old->crl },
		    sizeof texts);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (fds[i] < 0)
			continue;
		if (err == VH_OK)
			err = read_text(fds[i], bufs[i]);
		texts[i] = (const char *)buf_slice(bufs[i]).p;
		(void)close(fds[i]); /* read only */
	}
	TRY(err);
	if (texts[0] == NULL || texts[1] == NULL || texts[2] == NULL)
		return refuse("certificate, private key or CA is missing");
	return net_tls_new(texts[0], texts[1], texts[2], texts[3], out);
}

enum vh_err
net_tls_config(const struct net_tls *tls, const char *server_name,
    nng_tls_config **out)
{
	AUTO(config_free) nng_tls_config *config = NULL;

	*out = NULL;
	if (nng_tls_config_alloc(&config, server_name == NULL
					      ? NNG_TLS_MODE_SERVER
					      : NNG_TLS_MODE_CLIENT) != 0)
		return VH_ENOMEM;
	/* Without a name nng would take any certificate of the CA. */
	if (server_name != NULL &&
	    nng_tls_config_server_name(config, server_name) != 0)
		return VH_ENOMEM;
	if (nng_tls_config_version(config, NNG_TLS_1_2, NNG_TLS_1_2) != 0)
		return refuse("no TLS 1.2");
	if (nng_tls_config_ca_chain(config, tls->ca, tls->crl) != 0)
		return refuse("CA or CRL is not PEM");
	if (nng_tls_config_own_cert(config, tls->cert, tls->key, NULL) != 0)
		return refuse("certificate or private key is not acceptable");
	if (nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED) != 0)
		return refuse("no authentication");
	*out = TAKE(config);
	return VH_OK;
}
