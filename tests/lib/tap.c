/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness behind tap.h.
 *
 * Invariants:
 *  1. exactly one `ok` or `not ok` line for each selected test, in the order of the table;
 *  2. the plan comes first: meson takes a program that leaves half-way, with status 0 and no plan,
 *     for one that passed;
 *  3. everything else on stdout starts with `#`.
 */
#include "tap.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FAILURES_SHOWN_MAX = 20, BYTES_SHOWN_MAX = 96 };

static struct {
    const char *name;
    const char *skip_reason;
    unsigned long checks;
    unsigned long failures;
} current;

/* One failed assert in the product ends the program; say which test was running. */
static void on_abort(int number)
{
    (void)number;
    printf("# %s: aborted\n", current.name != NULL ? current.name : "(outside a test)");
    fflush(stdout);
}

/* Counts the check; on failure opens its report. True when the details should be printed. */
static bool report(bool held, const char *file, int line, const char *text)
{
    current.checks++;
    if (held)
        return false;
    current.failures++;
    if (current.failures > FAILURES_SHOWN_MAX)
        return false;
    printf("# %s:%d: %s: failed: %s\n", file, line, current.name ? current.name : "?", text);
    if (current.failures == FAILURES_SHOWN_MAX)
        printf("# further failures of this test are not shown\n");
    return true;
}

static void print_int(const char *side, struct tap_int value)
{
    if (value.negative)
        printf("#   %s: %" PRIdMAX "\n", side, (intmax_t)value.bits);
    else
        printf("#   %s: %" PRIuMAX " (0x%" PRIxMAX ")\n", side, value.bits, value.bits);
}

static void print_escaped(const unsigned char *p, size_t len)
{
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        if (p[i] == '"' || p[i] == '\\')
            printf("\\%c", p[i]);
        else if (p[i] >= 0x20 && p[i] < 0x7f)
            putchar(p[i]);
        else
            printf("\\x%02x", p[i]);
    }
    putchar('"');
}

/* Prints the window of a byte string that begins at `from`, escaped and in hexadecimal. */
static void print_bytes(const char *side, const void *data, size_t len, size_t from)
{
    if (data == NULL) {
        printf("#   %s: NULL, %zu bytes\n", side, len);
        return;
    }
    const unsigned char *p = data;
    size_t start = from < len ? from : len;
    size_t shown = len - start > BYTES_SHOWN_MAX ? BYTES_SHOWN_MAX : len - start;
    const char *tail = start + shown < len ? " ..." : "";
    printf("#   %s: %zu bytes, from %zu: ", side, len, start);
    print_escaped(p + start, shown);
    printf("%s\n#   %*s  hex", tail, (int)strlen(side), "");
    for (size_t i = 0; i < shown; i++)
        printf(" %02x", p[start + i]);
    printf("%s\n", tail);
}

bool tap_check(bool held, const char *file, int line, const char *text)
{
    (void)report(held, file, line, text);
    return held;
}

struct tap_int tap_signed(intmax_t value)
{
    return (struct tap_int){.bits = (uintmax_t)value, .negative = value < 0};
}

struct tap_int tap_unsigned(uintmax_t value)
{
    return (struct tap_int){.bits = value, .negative = false};
}

bool tap_check_int(struct tap_int a, struct tap_int b, bool want_equal, const char *file, int line,
                   const char *text)
{
    bool equal = a.bits == b.bits && a.negative == b.negative;
    bool held = equal == want_equal;
    if (report(held, file, line, text)) {
        print_int("left ", a);
        print_int("right", b);
    }
    return held;
}

bool tap_check_str(const char *a, const char *b, const char *file, int line, const char *text)
{
    size_t a_len = a != NULL ? strlen(a) : 0;
    size_t b_len = b != NULL ? strlen(b) : 0;
    if (a == NULL || b == NULL) {
        if (report(a == b, file, line, text)) {
            print_bytes("left ", a, a_len, 0);
            print_bytes("right", b, b_len, 0);
        }
        return a == b;
    }
    return tap_check_bytes(a, a_len, b, b_len, file, line, text);
}

bool tap_check_bytes(const void *a, size_t a_len, const void *b, size_t b_len, const char *file,
                     int line, const char *text)
{
    const unsigned char *pa = a;
    const unsigned char *pb = b;
    size_t common = a_len < b_len ? a_len : b_len;
    size_t same = 0;
    if (pa == NULL || pb == NULL)
        common = 0;
    while (same < common && pa[same] == pb[same])
        same++;
    bool held = a_len == b_len && same == a_len;
    if (report(held, file, line, text)) {
        printf("#   first difference at byte %zu\n", same);
        print_bytes("left ", a, a_len, same > 16 ? same - 16 : 0);
        print_bytes("right", b, b_len, same > 16 ? same - 16 : 0);
    }
    return held;
}

void tap_note(const char *format, ...)
{
    va_list args;
    printf("# ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void tap_skip(const char *reason)
{
    current.skip_reason = reason;
}

/* Runs one test and prints its line; true when it did not fail. */
static bool run_one(const struct tap_test *test, unsigned long number)
{
    current.name = test->name;
    current.skip_reason = NULL;
    current.checks = 0;
    current.failures = 0;
    test->run();
    current.name = NULL;
    if (current.checks == 0 && current.skip_reason == NULL) {
        printf("# %s: asserted nothing\n", test->name);
        current.failures = 1;
    }
    bool ok = current.failures == 0;
    printf("%s %lu - %s", ok ? "ok" : "not ok", number, test->name);
    if (ok && current.skip_reason != NULL)
        printf(" # SKIP %s", current.skip_reason);
    putchar('\n');
    fflush(stdout);
    return ok;
}

static bool selected(const struct tap_test *test, const char *filter)
{
    return filter == NULL || strstr(test->name, filter) != NULL;
}

static int run_selected(const struct tap_test *tests, size_t count, const char *filter, bool list)
{
    unsigned long planned = 0;
    for (size_t i = 0; i < count; i++) {
        if (list && selected(&tests[i], filter))
            printf("%s\n", tests[i].name);
        planned += selected(&tests[i], filter) ? 1 : 0;
    }
    if (list)
        return 0;
    if (planned == 0) {
        printf("1..0 # SKIP no test here has \"%s\" in its name\n", filter ? filter : "");
        return 0;
    }
    printf("1..%lu\n", planned);
    signal(SIGABRT, on_abort);
    unsigned long ran = 0;
    unsigned long failed = 0;
    for (size_t i = 0; i < count; i++) {
        if (selected(&tests[i], filter))
            failed += run_one(&tests[i], ++ran) ? 0 : 1;
    }
    return failed == 0 ? 0 : 1;
}

int tap_run(int argc, char **argv, const struct tap_test *tests, size_t count)
{
    const char *filter = NULL;
    bool list = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) {
            filter = argv[++i];
        } else if (strcmp(argv[i], "--list") == 0) {
            list = true;
        } else {
            fprintf(stderr, "usage: %s [--filter WORD] [--list]\n", argv[0]);
            return 2;
        }
    }
    return run_selected(tests, count, filter, list);
}
