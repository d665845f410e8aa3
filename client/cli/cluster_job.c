#include "client/cli/cluster_job.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "client/cli/report.h"

#define WHY_MAX  2048
#define LOCK_MS  5000
#define OUT_MODE 0755

struct job *
job_new(const struct args *a, const char *rows_name)
{
	struct job *j = calloc(1, sizeof *j);

	/* What cannot be had here is no reason to do without certificates. */
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	(void)prctl(PR_SET_DUMPABLE, 0);
	if (j == NULL)
		return NULL;
	j->args = a;
	j->now = time(NULL);
	j->why = buf_new(WHY_MAX);
	j->files = files_new();
	j->report = json_object();
	j->rows = json_array();
	j->rows_name = rows_name;
	return j;
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	files_free(j->files);
	index_free(j->index);
	ca_free(j->ca);
	folder_close(j->out_folder);
	folder_close(j->ca_folder);
	json_decref(j->rows);
	json_decref(j->report);
	buf_free(j->why);
	free(j);
}

int
job_end(struct job *j, const struct args *a, bool well)
{
	if (j == NULL || j->why == NULL)
		return fail_with(a, VHSM_ENOMEM, NULL);
	if (!well || !files_commit(j->files, j->why)) {
		buf_put_u8(j->why, '\0');
		return buf_end(j->why) == VH_OK
			   ? fail_text(a, (const char *)j->why->p)
			   : fail_with(a, VHSM_EINTERNAL, NULL);
	}
	if (j->rows_name != NULL)
		(void)json_object_set(j->report, j->rows_name, j->rows);
	if (a->json)
		return output_json(a, j->report);
	report_print(stdout, j->report);
	return output_end(a);
}

bool
job_fail(struct job *j, enum vh_err err, const char *what)
{
	const char *reason =
	    err == VH_EINTERNAL ? ERR_reason_error_string(ERR_peek_last_error())
				: NULL;

	buf_format(j->why, "%s: %s", what,
	    reason == NULL ? err_text(err) : reason);
	return false;
}

/* --- folders ------------------------------------------------------------- */

bool
job_open_out(struct job *j)
{
	return folder_open(j->args->out, OUT_MODE, &j->out_folder, j->why);
}

static bool
read_index(struct job *j)
{
	AUTO(buf_free) struct buf *text = NULL;
	AUTO(buf_free) struct buf *list = NULL;
	size_t line;

	if (!folder_read(j->ca_folder, CA_INDEX, INDEX_FILE_MAX, true, &text,
		j->why) ||
	    !folder_read(j->ca_folder, CA_CRL, INDEX_FILE_MAX, true, &list,
		j->why))
		return false;
	/* A list made from an index that got lost would revoke nothing. */
	if (text == NULL && list != NULL) {
		buf_format(j->why, "%s/" CA_INDEX " is missing beside " CA_CRL,
		    j->ca_folder->path);
		return false;
	}
	enum vh_err err =
	    index_parse(text == NULL ? slice_of(NULL, 0) : buf_slice(text),
		&j->index, &line);

	if (err == VH_EPARSE)
		buf_format(j->why, "%s/" CA_INDEX ": line %zu is damaged",
		    j->ca_folder->path, line);
	else if (err != VH_OK)
		return job_fail(j, err, CA_INDEX);
	return err == VH_OK;
}

static bool
read_ca(struct job *j)
{
	AUTO(buf_free) struct buf *cert = NULL;
	AUTO(buf_free) struct buf *key = NULL;

	if (!folder_read(j->ca_folder, CA_CERT, PEM_FILE_MAX, false, &cert,
		j->why) ||
	    !folder_read(j->ca_folder, CA_KEY, PEM_FILE_MAX, false, &key,
		j->why))
		return false;
	bool sound = ca_parse(buf_slice(cert), buf_slice(key), &j->ca, j->why);

	if (key->p != NULL)
		explicit_bzero(key->p, key->cap);
	return sound;
}

bool
job_open_ca(struct job *j)
{
	uint32_t ms = j->args->timeout == 0 ? LOCK_MS : j->args->timeout;

	return folder_open(j->args->ca, 0, &j->ca_folder, j->why) &&
	       folder_lock(j->ca_folder, ms, j->why) && read_ca(j) &&
	       read_index(j);
}

/* --- files --------------------------------------------------------------- */

struct file_name {
	char text[NODE_NAME_SIZE + sizeof ".record.key"];
};

static struct file_name
file_name_of(const struct leaf *leaf, const char *suffix)
{
	struct file_name name;

	(void)snprintf(name.text, sizeof name.text, "%s.%s.%s", leaf->name,
	    kind_row(leaf->kind)->name, suffix);
	return name;
}

/* Adds a file and a row about it; names and until may be NULL. */
static bool
add_file(struct job *j, const struct file_name *name, mode_t mode, BIO *pem,
    const char *names, const char *until)
{
	json_t *row = json_object();
	char path[PATH_MAX + sizeof *name];

	if (pem == NULL)
		return job_fail(j, VH_EINTERNAL, name->text);
	files_add(j->files, j->out_folder, name->text, mode, x509_bytes(pem));
	(void)snprintf(path, sizeof path, "%s/%s", j->out_folder->path,
	    name->text);
	put_text(row, "file", path);
	put_text(row, "names", names);
	put_text(row, "until", until);
	return json_array_append_new(j->rows, row) == 0 ||
	       job_fail(j, VH_ENOMEM, name->text);
}

bool
job_add_key(struct job *j, const struct leaf *leaf)
{
	const struct file_name name = file_name_of(leaf, "key");
	AUTO(BIO_free_all) BIO *pem = x509_pem_of_key(leaf->key);

	return add_file(j, &name, KEY_MODE, pem, NULL, NULL);
}

#define NAMES_TEXT_MAX (SANS_MAX * (SAN_NAME_MAX + 2))

/* "a, b, c", or the node's name alone where there are no others. */
static struct buf *
names_text(const struct leaf *leaf)
{
	struct buf *b = buf_new(NAMES_TEXT_MAX);

	if (!kind_row(leaf->kind)->has_sans)
		buf_put_text(b, leaf->name);
	else
		for (size_t i = 0; i < leaf->sans->n; i++)
			buf_format(b, "%s%s", i == 0 ? "" : ", ",
			    leaf->sans->at[i]);
	buf_put_u8(b, '\0');
	return b;
}

bool
job_add_request(struct job *j, const struct leaf *leaf)
{
	const struct file_name name = file_name_of(leaf, "csr");
	AUTO(buf_free) struct buf *names = names_text(leaf);
	AUTO(X509_REQ_free)
	X509_REQ *req = csr_make(leaf->key, leaf->kind, leaf->name, leaf->sans);
	AUTO(BIO_free_all)
	BIO *pem = req == NULL ? NULL : x509_pem_of_request(req);

	if (buf_end(names) != VH_OK)
		return job_fail(j, buf_end(names), name.text);
	return add_file(j, &name, CERT_MODE, pem, (const char *)names->p, NULL);
}

/* Nobody gets a certificate for the name of another node. */
static bool
names_are_free(struct job *j, const struct leaf *leaf)
{
	const struct issued *row;

	if (!kind_row(leaf->kind)->has_sans)
		return true;
	for (size_t i = 0; (row = index_at(j->index, i)) != NULL; i++) {
		if (row->revoked != 0 || row->not_after <= j->now ||
		    strcasecmp(row->name, leaf->name) == 0 ||
		    !sans_have(leaf->sans, row->name))
			continue;
		buf_format(j->why, "%s may not be called %s: that is a node",
		    leaf->name, row->name);
		return false;
	}
	return true;
}

bool
job_add_cert(struct job *j, const struct leaf *leaf)
{
	const struct file_name name = file_name_of(leaf, "crt");
	AUTO(buf_free) struct buf *names = names_text(leaf);
	AUTO(X509_free) X509 *cert = NULL;
	AUTO(BIO_free_all) BIO *pem = NULL;
	char until[TIME_TEXT_SIZE];
	struct issued row;

	if (!names_are_free(j, leaf))
		return false;
	enum vh_err err = ca_issue(j->ca, leaf, j->now, &cert);

	if (err == VH_ECONFIG) {
		buf_put_text(j->why, "ca.crt is not valid at this time");
		return false;
	}
	if (err == VH_OK && !ca_describe(j->ca, cert, &row))
		err = VH_EINTERNAL;
	if (err == VH_OK)
		err = index_add(j->index, &row);
	if (err == VH_OK)
		err = buf_end(names);
	if (err != VH_OK)
		return job_fail(j, err, name.text);
	time_text(row.not_after, until);
	pem = x509_pem_of_cert(cert);
	return add_file(j, &name, CERT_MODE, pem, (const char *)names->p,
	    until);
}

bool
job_add_index(struct job *j)
{
	AUTO(buf_free) struct buf *text = buf_new(INDEX_FILE_MAX);

	index_put(text, j->index);
	if (buf_end(text) != VH_OK)
		return job_fail(j, buf_end(text), CA_INDEX);
	files_replace(j->files, j->ca_folder, CA_INDEX, CERT_MODE,
	    buf_slice(text));
	return true;
}
