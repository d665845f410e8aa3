#include "super/seeds.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "super/lookup.h"

#define WAIT_MS 20000 /* most that a lookup here may take */

static struct seeds *
seeds_of(struct texts *list, const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(texts_add(list, texts[i]), VH_OK);
	struct seeds *s = seeds_new(list, NULL);

	cr_assert_not_null(s);
	return s;
}

static void
expect_list(const struct seeds *s, enum seeds_list which, const char *wanted)
{
	AUTO(buf_free) struct buf *b = buf_new(65536);

	seeds_put(s, which, 65536, b);
	cr_expect(slice_is(buf_slice(b), wanted), "%.*s", (int)buf_slice(b).len,
	    (const char *)buf_slice(b).p);
}

static bool
list_holds(const struct seeds *s, enum seeds_list which, const char *entry)
{
	AUTO(buf_free) struct buf *b = buf_new(65536);
	struct slice rest, item;

	seeds_put(s, which, 65536, b);
	rest = buf_slice(b);
	while (slice_next_item(&rest, &item))
		if (slice_is(item, entry))
			return true;
	return false;
}

/* A round, now. */
static void
look_up(struct seeds *s)
{
	struct mono_ns until;

	cr_assert(seeds_tick(s, clock_mono(), &until));
	cr_assert_geq(seeds_fd(s), 0);
	seeds_wait(s, WAIT_MS);
	cr_assert_eq(seeds_fd(s), -1);
}

/* localhost is ::1, 127.0.0.1, or both. */
static bool
has_local(const struct seeds *s, enum seeds_list which, const char *v4,
    const char *v6)
{
	return list_holds(s, which, v4) || list_holds(s, which, v6);
}

Test(seeds, numbers_are_known_at_once_and_never_looked_up)
{
	static const char *const texts[] = { "192.0.2.1:7600",
		"[2001:db8::1]:1" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 2);
	struct mono_ns until;

	expect_list(s, SEEDS_CONFIGURED, "192.0.2.1:7600,[2001:db8::1]:1");
	expect_list(s, SEEDS_ASKED, "");
	cr_expect_not(seeds_tick(s, clock_mono(), &until));
	cr_expect_eq(seeds_fd(s), -1);
	texts_drop(&list);
}

Test(seeds, a_name_is_looked_up_and_shown_with_its_address)
{
	static const char *const texts[] = { "localhost:7600",
		"dns:localhost:7601", "192.0.2.1:7600" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 3);

	expect_list(s, SEEDS_CONFIGURED, "192.0.2.1:7600");
	look_up(s);
	cr_expect(has_local(s, SEEDS_CONFIGURED, "localhost=127.0.0.1:7600",
	    "localhost=[::1]:7600"));
	cr_expect(has_local(s, SEEDS_CONFIGURED, "localhost=127.0.0.1:7601",
	    "localhost=[::1]:7601"));
	cr_expect(list_holds(s, SEEDS_CONFIGURED, "192.0.2.1:7600"));
	cr_expect(seeds_are_new(s));
	seeds_told(s);
	cr_expect_not(seeds_are_new(s));
	texts_drop(&list);
}

Test(seeds, a_round_follows_the_other_and_says_only_what_is_new)
{
	static const char *const texts[] = { "localhost:7600" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 1);
	struct mono_ns now = clock_mono(), until;

	look_up(s);
	seeds_told(s);
	cr_assert(seeds_tick(s, now, &until));
	cr_expect_eq(seeds_fd(s), -1, "nothing is due yet");
	cr_expect_gt(until.ns, now.ns);
	cr_assert(seeds_tick(s, until, &until));
	cr_expect_geq(seeds_fd(s), 0);
	seeds_wait(s, WAIT_MS);
	cr_expect_not(seeds_are_new(s));
	texts_drop(&list);
}

Test(seeds, what_peer_asks_is_a_list_of_its_own)
{
	static const char *const texts[] = { "localhost:7600" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 1);

	cr_assert_eq(seeds_ask(s,
			 slice_text("localhost:1,192.0.2.9:2,,bad,a b:3,"
				    "[::1]:4,localhost:1,x:99999")),
	    VH_OK);
	expect_list(s, SEEDS_ASKED, "192.0.2.9:2,[::1]:4");
	look_up(s);
	cr_assert_eq(seeds_ask(s,
			 slice_text("192.0.2.9:2,localhost:9,localhost:1")),
	    VH_OK);
	cr_expect(has_local(s, SEEDS_ASKED, "localhost=127.0.0.1:9",
		      "localhost=[::1]:9"),
	    "another port of a known host");
	cr_expect(has_local(s, SEEDS_ASKED, "localhost=127.0.0.1:1",
	    "localhost=[::1]:1"));
	seeds_told(s);
	cr_assert_eq(seeds_ask(s, slice_text("localhost:1")), VH_OK);
	cr_expect(seeds_are_new(s));
	cr_expect(has_local(s, SEEDS_ASKED, "localhost=127.0.0.1:1",
		      "localhost=[::1]:1"),
	    "what was known stays known");
	cr_expect_not(list_holds(s, SEEDS_ASKED, "192.0.2.9:2"));
	cr_assert_eq(seeds_ask(s, slice_of(NULL, 0)), VH_OK);
	expect_list(s, SEEDS_ASKED, "");
	cr_expect(has_local(s, SEEDS_CONFIGURED, "localhost=127.0.0.1:7600",
	    "localhost=[::1]:7600"));
	texts_drop(&list);
}

Test(seeds, who_asks_again_and_again_waits_for_the_round_and_a_pause)
{
	static const char *const texts[] = { "localhost:7600" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 1);
	struct mono_ns now = clock_mono(), until;

	look_up(s);
	cr_assert_eq(seeds_ask(s, slice_text("localhost:1")), VH_OK);
	cr_assert(seeds_tick(s, now, &until));
	cr_expect_eq(seeds_fd(s), -1);
	cr_expect_leq(until.ns, mono_after_ms(clock_mono(), 1000).ns);
	cr_assert(seeds_tick(s, until, &until));
	cr_expect_geq(seeds_fd(s), 0);
	texts_drop(&list);
}

Test(seeds, what_peer_asks_is_bounded)
{
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, NULL, 0);
	AUTO(buf_free) struct buf *names = buf_new(1u << 20);
	AUTO(buf_free) struct buf *out = buf_new(1u << 20);
	struct slice rest, item;
	size_t count = 0;

	for (unsigned i = 0; i < 2 * SEEDS_NAMES_MAX; i++)
		buf_format(names, "192.0.2.%u:%u,", i % 256, i + 1);
	cr_assert_eq(seeds_ask(s, buf_slice(names)), VH_OK);
	seeds_put(s, SEEDS_ASKED, 1u << 20, out);
	rest = buf_slice(out);
	while (slice_next_item(&rest, &item))
		count++;
	cr_expect_eq(count, SEEDS_NAMES_MAX);
}

Test(seeds, a_list_is_cut_between_entries)
{
	static const char *const texts[] = { "192.0.2.1:1", "192.0.2.2:2" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 2);
	const char *whole = "192.0.2.1:1,192.0.2.2:2";

	for (size_t max = 0; max <= strlen(whole) + 1; max++) {
		AUTO(buf_free) struct buf *b = buf_new(256);

		seeds_put(s, SEEDS_CONFIGURED, max, b);
		size_t len = buf_slice(b).len;

		cr_expect_leq(len, max);
		cr_expect(len == 0 || len == 11 || len == strlen(whole), "%zu",
		    len);
	}
	texts_drop(&list);
}

Test(seeds, a_name_without_an_address_is_none_and_others_are_not_affected)
{
	static const char *const texts[] = { "nowhere.invalid:7600",
		"localhost:7600" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 2);

	look_up(s);
	cr_expect(has_local(s, SEEDS_CONFIGURED, "localhost=127.0.0.1:7600",
	    "localhost=[::1]:7600"));
	texts_drop(&list);
}

Test(seeds, a_lookup_leaves_no_process_behind)
{
	static const char *const texts[] = { "localhost:7600" };
	struct texts list = { 0 };
	AUTO(seeds_free) struct seeds *s = seeds_of(&list, texts, 1);

	look_up(s);
	cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1);
	texts_drop(&list);
}

Test(seeds, a_lookup_says_an_address_a_line)
{
	const char *const hosts[] = { "127.0.0.1", "::1" };
	struct lookup l = { 0, -1 };
	char text[256] = "";
	size_t len = 0;

	cr_assert_eq(lookup_begin(hosts, 2, NULL, &l), VH_OK);
	cr_expect_eq(fcntl(l.fd, F_SETFL, 0), 0);
	for (ssize_t n = 1; n > 0 && len < sizeof text - 1; len += (size_t)n)
		n = read(l.fd, text + len, sizeof text - 1 - len);
	cr_expect_str_eq(text, "0 127.0.0.1\n1 ::1\n");
	lookup_end(&l);
	cr_expect_eq(l.pid, 0);
	cr_expect_eq(l.fd, -1);
}
