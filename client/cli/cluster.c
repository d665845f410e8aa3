/* cluster init, issue, csr, sign, revoke: the CA of a cluster, and the two
 * certificates that each node of it has. */
#include "client/cli/cluster_job.h"
#include "client/cli/input.h"
#include "client/cli/verbs.h"

#define CA_FOLDER_MODE 0700

/* --- init ---------------------------------------------------------------- */

/* What an earlier CA left here belongs to that one. */
static bool
add_ca_files(struct job *j)
{
	AUTO(BIO_free_all) BIO *key = x509_pem_of_key(j->ca->key);
	AUTO(BIO_free_all) BIO *cert = x509_pem_of_cert(j->ca->cert);
	static const char *const others[] = { CA_INDEX, CA_CRL };

	if (key == NULL || cert == NULL)
		return job_fail(j, VH_EINTERNAL, CA_CERT);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (folder_has(j->ca_folder, others[i])) {
			buf_format(j->why, "%s/%s is there already",
			    j->ca_folder->path, others[i]);
			return false;
		}
	files_add(j->files, j->ca_folder, CA_KEY, KEY_MODE, x509_bytes(key));
	files_add(j->files, j->ca_folder, CA_CERT, CERT_MODE, x509_bytes(cert));
	return true;
}

static bool
init(struct job *j)
{
	const char *title = j->args->title == NULL ? CA_TITLE : j->args->title;
	char until[TIME_TEXT_SIZE], path[PATH_MAX + sizeof CA_CERT];

	if (!folder_open(args_operand(j->args), CA_FOLDER_MODE, &j->ca_folder,
		j->why) ||
	    !folder_lock(j->ca_folder, 0, j->why))
		return false;
	enum vh_err err = ca_make(title, j->now, &j->ca);

	if (err != VH_OK)
		return job_fail(j, err, "the name of the CA");
	time_text(ca_not_after(j->ca), until);
	(void)snprintf(path, sizeof path, "%s/" CA_CERT, j->ca_folder->path);
	put_text(j->report, "ca", path);
	put_text(j->report, "name", title);
	put_text(j->report, "until", until);
	return add_ca_files(j);
}

int
verb_cluster_init(const struct args *a)
{
	AUTO(job_free) struct job *j = job_new(a, NULL);

	return job_end(j, a, j != NULL && init(j));
}

/* --- a node -------------------------------------------------------------- */

/* The node's names as typed; EXIT_DONE, or EXIT_USAGE after a line on standard
 * error. */
static int
typed_names(const struct args *a, struct sans *sans)
{
	static const char *const dev[] = { "localhost", "127.0.0.1" };
	char why[128];

	*sans = (struct sans){ 0 };
	if (sans_add_node(sans, slice_text(args_operand(a))) != VH_OK)
		return fail_usage(a,
		    "a node's name is 1 to 64 letters, digits, . _ -");
	for (size_t i = 0; i < a->sans.n; i++) {
		if (sans_add(sans, slice_text(a->sans.at[i])) == VH_OK)
			continue;
		(void)snprintf(why, sizeof why, "no DNS name or IP address: %s",
		    a->sans.at[i]);
		return fail_usage(a, why);
	}
	for (size_t i = 0; a->dev && i < ARRAY_LEN(dev); i++)
		if (sans_add(sans, slice_text(dev[i])) != VH_OK)
			return fail_usage(a, "too many names");
	return EXIT_DONE;
}

/* Adds, for both kinds, a new key and with it what add adds. */
static bool
add_both(struct job *j, const struct sans *sans,
    bool (*add)(struct job *j, const struct leaf *leaf))
{
	for (size_t k = 0; k < CERT_KINDS; k++) {
		AUTO(EVP_PKEY_free) EVP_PKEY *key = NULL;

		if (x509_key_new(&key) != VH_OK)
			return job_fail(j, VH_EINTERNAL, "a key");
		const struct leaf leaf = { (enum cert_kind)k,
			args_operand(j->args), sans, key };

		if (!add(j, &leaf) || !job_add_key(j, &leaf))
			return false;
	}
	return true;
}

static bool
is_given(const struct args *a, const char *value, const char *text)
{
	if (value == NULL)
		(void)fail_usage(a, text);
	return value != NULL;
}

#define NEEDS_CA  "--ca DIR is needed"
#define NEEDS_OUT "--out DIR is needed"

int
verb_cluster_csr(const struct args *a)
{
	struct sans sans;
	int status = typed_names(a, &sans);

	if (status != EXIT_DONE)
		return status;
	if (!is_given(a, a->out, NEEDS_OUT))
		return EXIT_USAGE;
	AUTO(job_free) struct job *j = job_new(a, "files");

	return job_end(j, a,
	    j != NULL && job_open_out(j) &&
		add_both(j, &sans, job_add_request));
}

int
verb_cluster_issue(const struct args *a)
{
	struct sans sans;
	int status = typed_names(a, &sans);

	if (status != EXIT_DONE)
		return status;
	if (!is_given(a, a->ca, NEEDS_CA) || !is_given(a, a->out, NEEDS_OUT))
		return EXIT_USAGE;
	AUTO(job_free) struct job *j = job_new(a, "files");

	return job_end(j, a,
	    j != NULL && job_open_ca(j) && job_open_out(j) &&
		add_both(j, &sans, job_add_cert) && job_add_index(j));
}

/* --- sign ---------------------------------------------------------------- */

/* A request comes from somebody else: the file's name, which the operator
 * typed, says whom he means, and the request must agree. */
static bool
is_called(struct job *j, const char *file, const struct csr *c)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash == NULL ? file : slash + 1;
	char want[NODE_NAME_SIZE + sizeof ".record.csr"];

	(void)snprintf(want, sizeof want, "%s.%s.csr", c->name,
	    kind_row(c->kind)->name);
	if (strcmp(name, want) == 0)
		return true;
	buf_format(j->why,
	    "%s: it is %s's request for a %s certificate; rename it to %s if "
	    "that is meant",
	    file, c->name, kind_row(c->kind)->name, want);
	return false;
}

static bool
sign_file(struct job *j, const char *file, struct buf *pem)
{
	AUTO(csr_free) struct csr *c = NULL;
	AUTO(buf_free) struct buf *why = buf_new(256);

	if (csr_parse(buf_slice(pem), &c, why) != VH_OK) {
		buf_put_u8(why, '\0');
		buf_format(j->why, "%s: %s", file,
		    buf_end(why) == VH_OK ? (const char *)why->p : "refused");
		return false;
	}
	return is_called(j, file, c) &&
	       job_add_cert(j,
		   &(struct leaf){ c->kind, c->name, &c->sans, c->key });
}

int
verb_cluster_sign(const struct args *a)
{
	if (!is_given(a, a->ca, NEEDS_CA) || !is_given(a, a->out, NEEDS_OUT))
		return EXIT_USAGE;
	AUTO(job_free) struct job *j = job_new(a, "files");
	bool well = j != NULL && job_open_ca(j) && job_open_out(j);

	for (size_t i = 0; well && i < a->operands.n; i++) {
		const char *file = a->operands.at[i];
		AUTO(buf_free)
		struct buf *pem = input_read(a, file, PEM_FILE_MAX);

		if (pem == NULL)
			return EXIT_FAILED;
		well = sign_file(j, file, pem);
	}
	return job_end(j, a, well && job_add_index(j));
}

/* --- revoke -------------------------------------------------------------- */

static bool
is_file(const char *operand)
{
	size_t len = strlen(operand);

	return strchr(operand, '/') != NULL ||
	       (len > 4 && strcmp(operand + len - 4, ".crt") == 0);
}

static bool
revoke_name(struct job *j, const char *name)
{
	if (index_revoke_name(j->index, name, j->now) > 0)
		return true;
	buf_format(j->why, "this CA has no certificate of %s in its index",
	    name);
	return false;
}

/* One that the index lacks was issued before it got lost, or elsewhere. */
static bool
revoke_cert(struct job *j, const char *file, struct buf *pem)
{
	AUTO(X509_free) X509 *cert = x509_cert_parse(buf_slice(pem));
	struct issued row;

	if (cert == NULL || !ca_describe(j->ca, cert, &row)) {
		buf_format(j->why, "%s: not a node's certificate of this CA",
		    file);
		return false;
	}
	if (index_revoke_serial(j->index, row.serial, j->now) > 0)
		return true;
	row.revoked = j->now;
	enum vh_err err = index_add(j->index, &row);

	return err == VH_OK || job_fail(j, err, file);
}

static bool
add_list(struct job *j)
{
	AUTO(X509_CRL_free) X509_CRL *crl = NULL;
	AUTO(BIO_free_all) BIO *pem = NULL;
	char path[PATH_MAX + sizeof CA_CRL], until[TIME_TEXT_SIZE];
	enum vh_err err = ca_revoke(j->ca, j->index, j->now, &crl);

	if (err == VH_OK)
		pem = x509_pem_of_crl(crl);
	if (pem == NULL)
		return job_fail(j, VH_EINTERNAL, CA_CRL);
	files_replace(j->files, j->ca_folder, CA_CRL, CERT_MODE,
	    x509_bytes(pem));
	time_text(ca_not_after(j->ca), until);
	(void)snprintf(path, sizeof path, "%s/" CA_CRL, j->ca_folder->path);
	put_text(j->report, "crl", path);
	put_text(j->report, "until", until);
	return true;
}

static void
report_revoked(struct job *j)
{
	char revoked[TIME_TEXT_SIZE];
	const struct issued *row;

	for (size_t i = 0; (row = index_at(j->index, i)) != NULL; i++) {
		if (row->revoked == 0)
			continue;
		json_t *object = json_object();

		time_text(row->revoked, revoked);
		put_text(object, "node", row->name);
		put_text(object, "kind", kind_row(row->kind)->name);
		put_text(object, "serial", row->serial);
		put_text(object, "revoked", revoked);
		(void)json_array_append_new(j->rows, object);
	}
}

int
verb_cluster_revoke(const struct args *a)
{
	if (!is_given(a, a->ca, NEEDS_CA))
		return EXIT_USAGE;
	AUTO(job_free) struct job *j = job_new(a, "revoked");
	bool well = j != NULL && job_open_ca(j);

	for (size_t i = 0; well && i < a->operands.n; i++) {
		const char *operand = a->operands.at[i];
		AUTO(buf_free) struct buf *pem = NULL;

		if (!is_file(operand)) {
			well = revoke_name(j, operand);
			continue;
		}
		pem = input_read(a, operand, PEM_FILE_MAX);
		if (pem == NULL)
			return EXIT_FAILED;
		well = revoke_cert(j, operand, pem);
	}
	well = well && job_add_index(j) && add_list(j);
	if (well)
		report_revoked(j);
	return job_end(j, a, well);
}
