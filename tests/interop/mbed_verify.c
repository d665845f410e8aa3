/* mbed_verify CA CRL|- CERT NAME: whether the TLS library behind nng lets CERT
 * speak for NAME.  Prints its reasons and gives 1 when it does not. */
#include <mbedtls/x509_crt.h>
#include <stdio.h>
#include <string.h>

static int
fail(const char *file, int error)
{
	fprintf(stderr, "mbed_verify: %s: -0x%04x\n", file, (unsigned)-error);
	return 2;
}

int
main(int argc, char **argv)
{
	mbedtls_x509_crt ca, cert;
	mbedtls_x509_crl crl;
	uint32_t flags = 0;
	char why[1024];
	int error;

	if (argc != 5)
		return 2;
	mbedtls_x509_crt_init(&ca);
	mbedtls_x509_crt_init(&cert);
	mbedtls_x509_crl_init(&crl);
	if ((error = mbedtls_x509_crt_parse_file(&ca, argv[1])) != 0)
		return fail(argv[1], error);
	if (strcmp(argv[2], "-") != 0 &&
	    (error = mbedtls_x509_crl_parse_file(&crl, argv[2])) != 0)
		return fail(argv[2], error);
	if ((error = mbedtls_x509_crt_parse_file(&cert, argv[3])) != 0)
		return fail(argv[3], error);
	error = mbedtls_x509_crt_verify(&cert, &ca, &crl, argv[4], &flags, NULL,
	    NULL);
	if (error != 0 &&
	    mbedtls_x509_crt_verify_info(why, sizeof why, "", flags) >= 0)
		fputs(why, stdout);
	mbedtls_x509_crt_free(&ca);
	mbedtls_x509_crt_free(&cert);
	mbedtls_x509_crl_free(&crl);
	return error == 0 ? 0 : 1;
}
