#include "super/procs.h"

#include <criterion/criterion.h>

#include "super/spawn.h"

Test(procs, talking_is_mutual_and_never_to_oneself)
{
	for (unsigned a = 0; a < PROCS; a++) {
		unsigned to = proc_row((enum proc)a)->talks_to;

		cr_expect_eq(to >> a & 1, 0, "%u", a);
		for (unsigned b = 0; b < PROCS; b++)
			cr_expect_eq(to >> b & 1,
			    proc_row((enum proc)b)->talks_to >> a & 1,
			    "%u and %u", a, b);
	}
}

Test(procs, only_the_vault_is_not_started_again)
{
	for (unsigned p = 0; p < PROCS; p++)
		cr_expect_eq(proc_row((enum proc)p)->again, p != PROC_VAULT);
}

Test(procs, no_two_are_one_user)
{
	for (unsigned a = 0; a < PROCS; a++)
		for (unsigned b = 0; b < a; b++) {
			cr_expect_neq(proc_row((enum proc)a)->fixed,
			    proc_row((enum proc)b)->fixed);
			cr_expect_neq(proc_row((enum proc)a)->user,
			    proc_row((enum proc)b)->user);
		}
}

Test(procs, a_node_alone_has_no_peer)
{
	for (unsigned p = 0; p < PROCS; p++)
		cr_expect_eq(proc_row((enum proc)p)->alone, p != PROC_PEER);
}

Test(procs, only_the_vault_locks_memory)
{
	for (unsigned p = 0; p < PROCS; p++)
		cr_expect_eq(proc_row((enum proc)p)->locks, p == PROC_VAULT);
}

Test(procs, each_is_called_as_its_binary_is)
{
	cr_expect_str_eq(proc_row(PROC_VAULT)->name, "vault");
	cr_expect_str_eq(proc_row(PROC_FRONT)->name, "front");
	cr_expect_str_eq(proc_row(PROC_PEER)->name, "peer");
}
