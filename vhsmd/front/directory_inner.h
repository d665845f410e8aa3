/* Between the files of the directory. */
#ifndef FRONT_DIRECTORY_INNER_H
#define FRONT_DIRECTORY_INNER_H

#include "front/directory.h"

/* Finds out which algorithms the key fits, and writes the header of each into
 * its bytes.  VH_EKEY for none. */
enum vh_err dkey_list_algs(struct dkey *key);
/* What a caller who may use it sees of a symmetric key. */
void dkey_put_secret(struct buf *b, const struct dkey *key);

#endif
