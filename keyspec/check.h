/* vhsmd --check: one text, told apart by its keys, checked, and printed in its
 * normal form. */
#ifndef KEYSPEC_CHECK_H
#define KEYSPEC_CHECK_H

#include "keyspec/yaml.h"

enum text_kind { TEXT_CONFIG = 1, TEXT_KEYSPEC };

/* A key spec has version or defaults, or a list under keys; anything else is a
 * configuration. */
enum text_kind text_kind(const struct node *root);

/* Puts the normal form of a configuration or key spec.  VH_ECONFIG with one
 * line in r->why, VH_ENOMEM. */
enum vh_err check_text(const struct reading *r, struct slice text,
    struct buf *normal);

#endif
