/* What the verbs that make a cluster's certificates share: a CA at hand, files
 * to be written, a report of them.
 *
 * Nothing is written before job_end, and then all or nothing. */
#ifndef CLI_CLUSTER_JOB_H
#define CLI_CLUSTER_JOB_H

#include "client/cli/cluster_ca.h"
#include "client/cli/cluster_csr.h"
#include "client/cli/cluster_files.h"
#include "client/cli/output.h"

#define CA_CERT  "ca.crt"
#define CA_KEY   "ca.key"
#define CA_INDEX "index"
#define CA_CRL   "ca.crl"

struct job {
	const struct args *args;
	time_t now;
	struct buf *why; /* a line about what failed */
	struct folder *ca_folder, *out_folder;
	struct ca *ca;
	struct cert_index *index;
	struct files *files;
	json_t *report, *rows;
	const char *rows_name; /* in the report; NULL: it has none */
};

/* NULL when out of memory.  Memory of a process that holds private keys goes
 * into no core file and under no debugger: it sees to that. */
struct job *job_new(const struct args *a, const char *rows_name);
void job_free(struct job *j);
AUTO_FREE(struct job, job_free)

/* The exit status of a job that may be NULL: writes the files and prints the
 * report if all has gone well, else prints why it has not. */
int job_end(struct job *j, const struct args *a, bool well);

/* Each is false after a line in why. */
bool job_open_out(struct job *j);
/* The CA and its index, locked against others until job_free. */
bool job_open_ca(struct job *j);
/* Says that libcrypto failed, or what else err is. */
bool job_fail(struct job *j, enum vh_err err, const char *what);

/* Add a file and a row about it.  name: of the node, suffix: ".key", ".csr". */
bool job_add_key(struct job *j, const struct leaf *leaf);
bool job_add_request(struct job *j, const struct leaf *leaf);
/* Issues a certificate, notes it in the index, adds the file. */
bool job_add_cert(struct job *j, const struct leaf *leaf);
/* Adds the index as it is now; the last file of a set but for the list. */
bool job_add_index(struct job *j);

#endif
