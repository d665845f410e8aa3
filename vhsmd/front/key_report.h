/* One key in a report for people: who it is and where in its life. */
#ifndef FRONT_KEY_REPORT_H
#define FRONT_KEY_REPORT_H

#include <jansson.h>

#include "front/directory.h"

/* The caller's; NULL when out of memory.  own: the node's own key of that kid,
 * which alone knows its times, or NULL. */
json_t *key_report(const struct dkey *key, const struct dkey *own);
/* The same of the fields of a KEY. */
json_t *key_report_of_fields(const struct fields *f);

/* "active"; NULL for none; and back, 0 for an unknown word. */
const char *key_state_name(enum vh_key_state state);

#endif
