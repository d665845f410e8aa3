#include "peer/net_tls.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"

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

static inline void
text_free(char *text)
{
	if (text != NULL)
		OPENSSL_cleanse(text, strlen(text));
	free(text);
}
AUTO_FREE(char, text_free)

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

enum vh_err
net_tls_new(const char *cert, const char *key, const char *ca, const char *crl,
    struct net_tls **out)
{
	AUTO(net_tls_free) struct net_tls *tls = calloc(1, sizeof *tls);

	*out = NULL;
	if (tls == NULL)
		return VH_ENOMEM;
	tls->cert = strdup(cert);
	tls->key = strdup(key);
	tls->ca = strdup(ca);
	tls->crl = crl == NULL ? NULL : strdup(crl);
	if (tls->cert == NULL || tls->key == NULL || tls->ca == NULL ||
	    (crl != NULL && tls->crl == NULL))
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
	text_free(tls->key);
	free(tls->ca);
	free(tls->crl);
	free(tls);
}

/* All of a file; its descriptor stays open. */
static enum vh_err
read_text(int fd, char **out)
{
	AUTO(text_free) char *text = calloc(1, NET_TLS_FILE_MAX + 1);
	size_t len = 0;

	*out = NULL;
	if (text == NULL)
		return VH_ENOMEM;
	/* An earlier process may have read the same open file. */
	(void)lseek(fd, 0, SEEK_SET); /* a pipe has no beginning */
	for (;;) {
		ssize_t n = read(fd, text + len, NET_TLS_FILE_MAX - len);

		if (n < 0)
			return VH_EIO;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == NET_TLS_FILE_MAX)
			return VH_ETOOBIG;
	}
	if (len == 0 || memchr(text, 0, len) != NULL)
		return refuse("file is empty or not text");
	*out = strdup(text);
	return *out == NULL ? VH_ENOMEM : VH_OK;
}

enum vh_err
net_tls_read(int cert_fd, int key_fd, int ca_fd, int crl_fd,
    struct net_tls **out)
{
	AUTO(text_free) char *cert = NULL;
	AUTO(text_free) char *key = NULL;
	AUTO(text_free) char *ca = NULL;
	AUTO(text_free) char *crl = NULL;
	const int fds[] = { cert_fd, key_fd, ca_fd, crl_fd };
	char **const texts[] = { &cert, &key, &ca, &crl };
	enum vh_err err = VH_OK;

	*out = NULL;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (fds[i] < 0)
			continue;
		if (err == VH_OK)
			err = read_text(fds[i], texts[i]);
		(void)close(fds[i]); /* read only */
	}
	TRY(err);
	if (cert == NULL || key == NULL || ca == NULL)
		return refuse("certificate, private key or CA is missing");
	return net_tls_new(cert, key, ca, crl, out);
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
