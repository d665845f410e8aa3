/* Scoped ownership of a C string: AUTO(text_free) char *s = NULL; */
#ifndef SUPER_TEXT_H
#define SUPER_TEXT_H

#include <stdlib.h>

#include "wire/base.h"

static inline void
text_free(char *text)
{
	free(text);
}
AUTO_FREE(char, text_free)

#endif
