/* A cluster with one node, "a", for the tests of what it says. */
#ifndef TEST_RECORD_WORLD_H
#define TEST_RECORD_WORLD_H

#include "test_record_node.h"

struct record_world {
	struct cert *ca, *a;
	struct trust *trust;
	struct verifier *verifier;
};

struct record_world record_world_new(void);
void record_world_free(struct record_world *w);

#endif
