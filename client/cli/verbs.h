/* What runs each verb; all give the exit status. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "client/cli/args.h"

int verb_status(const struct args *a);
int verb_keys(const struct args *a);
int verb_sign(const struct args *a);
int verb_verify(const struct args *a);
int verb_encrypt(const struct args *a);
int verb_decrypt(const struct args *a);
int verb_raw_sign(const struct args *a);
int verb_raw_decrypt(const struct args *a);
int verb_raw_derive(const struct args *a);
int verb_drain(const struct args *a);
int verb_revoke(const struct args *a);
int verb_rotate(const struct args *a);
int verb_retire(const struct args *a);
int verb_destroy(const struct args *a);
int verb_reload(const struct args *a);
int verb_cluster_status(const struct args *a);
int verb_cluster_init(const struct args *a);
int verb_cluster_csr(const struct args *a);
int verb_cluster_sign(const struct args *a);
int verb_cluster_issue(const struct args *a);
int verb_cluster_revoke(const struct args *a);
int verb_audit_verify(const struct args *a);
int verb_bench(const struct args *a);
int verb_help(const struct args *a);
int verb_completion(const struct args *a);

#endif
