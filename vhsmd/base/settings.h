/* Settings that the supervisor hands to front and peer: "name value" lines. */
#ifndef BASE_SETTINGS_H
#define BASE_SETTINGS_H

#include "wire/buf.h"

#define VH_SETTING_TYPE_TEXT char *
#define VH_SETTING_TYPE_UINT uint32_t

struct settings {
#define VH_SETTING(name, type, preset, what) VH_SETTING_TYPE_##type name;
#include "base/settings.def"
};

/* All defaults; texts are copies.  NULL when out of memory. */
struct settings *settings_new(void);
void settings_free(struct settings *s);
AUTO_FREE(struct settings, settings_free)

/* Replaces a text by a copy of value; VH_EFIELD if it holds a line break. */
enum vh_err settings_set_text(char **text, const char *value);

void settings_put(struct buf *b, const struct settings *s);
/* VH_EPARSE for an unknown name, a bad number or a line without value. */
enum vh_err settings_parse(struct slice lines, struct settings **out);

#endif
