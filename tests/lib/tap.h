/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one test harness: runs a table of tests and speaks TAP on stdout.
 *
 *     TEST(splits_evenly)
 *     {
 *             CHECK_EQ(ring_size(r), 8);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *             static const struct tap_test tests[] = {
 *                     T(splits_evenly),
 *             };
 *             return tap_main(argc, argv, tests);
 *     }
 *
 * A failed check prints `# file:line` with both sides, marks the test as failed and goes on; the
 * _FATAL forms leave the calling function (which must return void). A test that executes no check
 * has asserted nothing and fails. A test missing from the table is an unused function: a warning.
 * Arguments: `--filter WORD` runs the tests whose name contains WORD, `--list` names them all.
 */
#ifndef DASSIE_TESTS_TAP_H
#define DASSIE_TESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_test {
    const char *name;
    void (*run)(void);
};

/* Any integer of any signedness; `negative` says that `bits` is to be read as signed. */
struct tap_int {
    uintmax_t bits;
    bool negative;
};

#define TEST(name) static void test_##name(void)
/* Version 14 of the formatter takes these braces for a block, and a selection for labels. */
/* clang-format off */
#define T(name) {#name, test_##name}
/* clang-format on */

/* The exit status of the program: 0 when every selected test passed. */
#define tap_main(argc, argv, tests) tap_run(argc, argv, tests, sizeof(tests) / sizeof((tests)[0]))

int tap_run(int argc, char **argv, const struct tap_test *tests, size_t count);

/* Each check records that it ran and returns whether it held; the macros supply the source text. */
bool tap_check(bool held, const char *file, int line, const char *text);
bool tap_check_int(struct tap_int a, struct tap_int b, bool want_equal, const char *file, int line,
                   const char *text);
bool tap_check_str(const char *a, const char *b, const char *file, int line, const char *text);
bool tap_check_bytes(const void *a, size_t a_len, const void *b, size_t b_len, const char *file,
                     int line, const char *text);

/* Prints one diagnostic line, for what a failed check alone would not explain. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Marks the running test as skipped: it cannot run here, and the reason says why. */
void tap_skip(const char *reason);

struct tap_int tap_signed(intmax_t value);
struct tap_int tap_unsigned(uintmax_t value);

/* The `+ 0` promotes enums and small types. The default is for gcc's types of wide bit-fields; a
 * pointer or a float that falls into it is refused by the conversion warnings. */
/* clang-format off */
#define TAP_INT(x)                                                                                 \
    _Generic((x) + 0,                                                                              \
        int: tap_signed,                                                                           \
        long: tap_signed,                                                                          \
        long long: tap_signed,                                                                     \
        default: tap_unsigned)(x)
/* clang-format on */

#define CHECK(cond) (void)tap_check((cond) ? true : false, __FILE__, __LINE__, #cond)
#define CHECK_EQ(a, b)                                                                             \
    (void)tap_check_int(TAP_INT(a), TAP_INT(b), true, __FILE__, __LINE__, #a " == " #b)
#define CHECK_NE(a, b)                                                                             \
    (void)tap_check_int(TAP_INT(a), TAP_INT(b), false, __FILE__, __LINE__, #a " != " #b)
#define CHECK_STR(a, b) (void)tap_check_str((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_BYTES(a, a_len, b, b_len)                                                            \
    (void)tap_check_bytes((a), (a_len), (b), (b_len), __FILE__, __LINE__, #a " == " #b)

#define CHECK_FATAL(cond)                                                                          \
    do {                                                                                           \
        if (!tap_check((cond) ? true : false, __FILE__, __LINE__, #cond))                          \
            return;                                                                                \
    } while (0)
#define CHECK_EQ_FATAL(a, b)                                                                       \
    do {                                                                                           \
        if (!tap_check_int(TAP_INT(a), TAP_INT(b), true, __FILE__, __LINE__, #a " == " #b))        \
            return;                                                                                \
    } while (0)
#define CHECK_BYTES_FATAL(a, a_len, b, b_len)                                                      \
    do {                                                                                           \
        if (!tap_check_bytes((a), (a_len), (b), (b_len), __FILE__, __LINE__, #a " == " #b))        \
            return;                                                                                \
    } while (0)
#define SKIP(reason)                                                                               \
    do {                                                                                           \
        tap_skip(reason);                                                                          \
        return;                                                                                    \
    } while (0)

#endif
